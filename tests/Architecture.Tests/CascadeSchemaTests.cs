using System.Text.Json.Nodes;
using Brownian.Models.Families;
using Brownian.Requests;
using Brownian.Requests.Schema;
using Brownian.Tests.Programs;

namespace Brownian.Architecture.Tests;

/// <summary><c>docs/cascade.schema.json</c> allows exactly the files that <see cref="Cascade"/> reads.</summary>
public sealed class CascadeSchemaTests
{
    private static readonly JsonNode Schema = JsonNode.Parse(Repository.Read("docs", "cascade.schema.json"))!;
    private static readonly JsonNode Parts = Schema["$defs"]!;

    [Fact]
    public void The_schema_has_exactly_the_fields_of_the_file_and_of_a_stage()
    {
        AssertFields(Cascade.Fields, Schema);
        AssertFields(Cascade.StageFields, Parts["stage"]!);
    }

    [Fact]
    public void The_schema_has_the_number_of_stages_and_the_roles_of_a_cascade()
    {
        JsonNode stages = Schema["properties"]!["stages"]!;

        Assert.Equal((Cascade.FewestStages, Cascade.MaxStages), (stages["minItems"]!.GetValue<int>(), stages["maxItems"]!.GetValue<int>()));
        Assert.Equal(Cascade.Roles, Texts(Parts["stage"]!["properties"]!["role"]!["enum"]));
        Assert.Equal(Cascade.Base, Parts["first"]!["properties"]!["role"]!["const"]!.GetValue<string>());
        Assert.Equal(Cascade.Roles.Except([Cascade.Base]), Texts(Parts["later"]!["properties"]!["role"]!["enum"]));
    }

    [Fact]
    public void A_stages_settings_are_the_fields_of_a_requests_stage_block()
    {
        Assert.Equal("request.schema.json#/properties/stage_1", (string?)Parts["stage"]!["properties"]!["settings"]!["$ref"]);
        AssertFields(RequestSchema.NamesIn(FieldScope.Stage), RequestSchema.ToJsonSchema()["properties"]!["stage_1"]!);
    }

    [Fact]
    public void The_example_of_the_page_fits_the_schema()
    {
        string page = Repository.Read("docs", "cascades.md");
        int start = page.IndexOf("    {\n      \"$schema\"", StringComparison.Ordinal);
        JsonObject example = JsonNode.Parse(page[start..page.IndexOf("\n    }\n", start, StringComparison.Ordinal)] + "}")!.AsObject();

        Assert.Equal(Cascade.Fields, example.Select(field => field.Key));
        Assert.All(
            example["stages"]!.AsArray(), stage =>
                Assert.Subset(Cascade.StageFields.ToHashSet(), stage!.AsObject().Select(field => field.Key).ToHashSet()));
        Assert.Equal(Cascade.Roles, example["stages"]!.AsArray().Select(stage => stage!["role"]!.GetValue<string>()));
    }

    private static void AssertFields(IEnumerable<string> expected, JsonNode described)
    {
        Assert.Equal(
            expected.Order(StringComparer.Ordinal), described["properties"]!.AsObject().Select(field => field.Key).Order(StringComparer.Ordinal));
        Assert.False(described["additionalProperties"]!.GetValue<bool>());
    }

    private static IEnumerable<string> Texts(JsonNode? list) => list!.AsArray().Select(text => text!.GetValue<string>());
}
