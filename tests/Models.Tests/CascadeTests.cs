using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;

namespace Brownian.Models.Tests;

/// <summary>A folder's <c>cascade.json</c>.</summary>
public sealed class CascadeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Stages_are_read_in_order_and_named_by_their_folders()
    {
        new StubModel().Save(_folder.Combine("cascade/first"));
        new StubModel().Save(_folder.Combine("second"));
        Cascade cascade = Open(
            "{\"title\": \"Two\", \"stages\": [{\"role\": \"base\", \"model\": \"first\", \"settings\": {\"steps\": 7}}, {\"role\": \"upscaler\", "
                + "\"model\": \"../second\", \"seed_offset\": 3}]}");

        Assert.Equal(("cascade", "Two"), (cascade.Name, cascade.Title));
        Assert.Equal([("base", "first", 0), ("upscaler", "second", 3)], cascade.Stages.Select(stage => (stage.Role, stage.Model, stage.SeedOffset)));
        Assert.Equal([_folder.Combine("cascade/first"), _folder.Combine("second")], cascade.Folders);
    }

    [Theory]
    [InlineData("{\"stages\": [], \"stage\": 1}", "unknown field \"stage\"", "stages: 0 of them; allowed: 2..3")]
    [InlineData("{\"stages\": [{\"role\": \"base\", \"model\": \"first\"}, "
        + "{\"role\": \"base\", \"model\": \"nothing\"}]}", "stages[1].role: \"base\"; allowed: super-resolution, upscaler",
        "stages[1].model: \"nothing\" is not the folder of a model")]
    [InlineData("{\"stages\": [{\"role\": \"upscaler\", \"model\": \"first\", \"seed_offset\": 1}, {\"role\": \"upscaler\", "
        + "\"model\": \"first\", \"seed_offset\": -1}]}", "stages[0].role: \"upscaler\"; allowed: base", "stages[1].seed_offset: -1")]
    [InlineData("{\"stages\": [{\"role\": \"base\", \"model\": \"first\", \"settings\": {\"prompt\": \"x\"}}, {\"role\": "
        + "\"upscaler\", \"model\": \"first\", \"steps\": 3}]}", "stages[0].settings: unknown field \"prompt\"",
        "stages[1]: unknown field \"steps\"")]
    [InlineData("{\"stages\": [{\"role\": \"base\", \"model\": \"first\"}, "
        + "{\"role\": \"upscaler\", \"model\": \"first\"}]}", "two stages have folders of the same name", "")]
    [InlineData("{\"stages\": [1, 2]}", "stages[0].role: \"\"", "stages[1].model: \"\"")]
    [InlineData("{", "cascade.json", "")]
    public void Every_fault_of_a_cascade_file_is_named(string json, string says, string saysToo)
    {
        new StubModel().Save(_folder.Combine("cascade/first"));

        ModelException exception = Assert.Throws<ModelException>(() => Open(json));

        Assert.Contains(says, exception.Message, StringComparison.Ordinal);
        Assert.Contains(saysToo, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stage_whose_model_does_not_fit_its_role_is_refused()
    {
        new StubModel().Save(_folder.Combine("cascade/first"));
        new StubModel().Save(_folder.Combine("cascade/second"));
        Cascade cascade = Open("{\"stages\": [{\"role\": \"base\", \"model\": \"first\"}, {\"role\": \"upscaler\", \"model\": \"second\"}]}");

        Assert.Contains(
            "stages[1] has the role upscaler, and second is Stable Diffusion", Assert.Throws<ModelException>(cascade.RequireRoles).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_requests_settings_of_a_stage_replace_those_of_the_cascade()
    {
        CascadeStage[] stages = [new("base", "a", 0, []), new("upscaler", "b", 3, JsonNode.Parse("{\"steps\": 7, \"noise_level\": 5}")!.AsObject())];

        JsonObject expanded =
            Cascade.Expand(JsonNode.Parse("{\"model\": \"c\", \"prompt\": \"x\", \"stage_2\": {\"steps\": 9}}")!.AsObject(), stages, ["a", "b"]);

        Assert.Equal(
            "{\"model\":[\"a\",\"b\"],\"prompt\":\"x\",\"stage_2\":{\"steps\":9,\"noise_level\":5},\"stage_1\":{},\"stage_2_seed_offset\":3}",
            expanded.ToJsonString());
        Assert.Equal(1, (int)Cascade.Expand(new JsonObject { ["stage_2_seed_offset"] = 1 }, stages, ["a", "b"])["stage_2_seed_offset"]!);
    }

    public void Dispose() => _folder.Dispose();

    private Cascade Open(string json)
    {
        Directory.CreateDirectory(_folder.Combine("cascade"));
        File.WriteAllText(_folder.Combine("cascade/cascade.json"), json);
        return Cascade.Open(_folder.Combine("cascade"));
    }
}
