using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Models.Families;
using Brownian.Requests.Schema;
using CsCheck;

namespace Brownian.Requests.Tests;

public sealed class RequestSchemaTests
{
    private static readonly RequestField[] Numbers =
        [.. RequestSchema.Request.All.Where(field => field.Declared is NumberFieldAttribute or IntegerFieldAttribute)];

    /// <summary>Fields that the reader stores in others, or reads together with others.</summary>
    private static readonly string[] Folded = ["seed", "refiner"];

    public static TheoryData<string> Fields => [.. RequestSchema.All.Select(one => one.Name)];

    public static TheoryData<string> RequestFields => [.. RequestSchema.Request.All.Select(one => one.Name).Except(Folded)];

    [Fact]
    public async Task Every_field_that_names_files_is_found_and_its_files_are_read()
    {
        // From the attributes, with the records inside a request.
        string[][] declared = [.. RequestSchema.Request.All.SelectMany(Paths)];
        Assert.Contains(declared, path => path is ["interpolate", "images"]);
        var json = new JsonObject { ["prompt"] = "x" };
        foreach (string[] path in declared)
        {
            string name = string.Join('.', path);
            JsonObject parent = json;
            foreach (string part in path[..^1])
            {
                parent = (JsonObject)(parent[part] ??= new JsonObject());
            }
            parent[path[^1]] = RequestSchema.Request.Find(path[0])!.Declared is TextFieldAttribute
                ? name
                : new JsonArray(name + "[0]", name + "[1]");
        }
        string[] named = [.. RequestSchema.FilesIn(json).Select(file => file.Value.GetValue<string>())];
        Assert.Equal(declared.Select(path => string.Join('.', path)).Order(), named.Select(name => name.Split('[')[0]).Distinct().Order());
        Assert.All(RequestSchema.FilesIn(json), file => Assert.Equal(file.Field, file.Value.GetValue<string>()));

        // Not all of them together are a request that can be read; each alone is.
        var read = new List<string>();
        foreach (string[] path in declared)
        {
            var one = new JsonObject { ["prompt"] = "x", [path[0]] = json[path[0]]!.DeepClone() };
            if (one["interpolate"] is JsonObject interpolation)
            {
                interpolation["frames"] = 2;
            }
            await RequestImages.ReadAsync(
                RequestReader.Read(one),
                name =>
                {
                    read.Add(name);
                    throw new InvalidDataException("is not needed here");
                },
                []);
        }
        Assert.Equal(named.Order(), read.Order());

        static IEnumerable<string[]> Paths(RequestField field) => field.Declared switch
        {
            TextFieldAttribute { NamesFile: true } or TextListFieldAttribute { NamesFile: true } => [[field.Name]],
            ObjectFieldAttribute inner => inner.Fields.All.SelectMany(Paths).Select(path => (string[])[field.Name, .. path]),
            _ => [],
        };
    }

    [Fact]
    public void Families_have_only_fields_of_the_schema_and_every_field_is_in_one()
    {
        string[] known = [.. ModelFamilies.Vocabulary.SelectMany(kind => kind.Fields).Distinct()];

        Assert.All(known, name => Assert.NotNull(RequestSchema.Find(name)));
        Assert.Equal(
            RequestSchema.Request.All.Select(field => field.Name).Order(StringComparer.Ordinal),
            known.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(RequestFields))]
    public void A_field_with_an_allowed_value_is_written_with_that_value(string name)
    {
        RequestField field = RequestSchema.Request.Find(name)!;
        foreach (JsonNode value in Allowed(field.Declared.Schema()))
        {
            var json = new JsonObject { [name] = value.DeepClone() };

            GenerationRequest request = RequestReader.Read(json);

            JsonObject written = RequestSchema.Request.Write(request, (written, _) => written.Name == name);
            JsonObject again = RequestSchema.Request.Write(RequestReader.Read(written), (written, _) => written.Name == name);
            Assert.Equal(written.ToJsonString(), again.ToJsonString());
            Assert.True(IsEquivalent(value, written[name]), $"{name}: {value.ToJsonString()} became {written.ToJsonString()}");
        }
    }

    [Theory]
    [MemberData(nameof(Fields))]
    public void A_field_with_a_value_of_another_type_is_refused_by_its_name(string name)
    {
        // No field accepts nested lists of true.
        JsonNode wrong = JsonNode.Parse("[[[true]]]")!;
        var json = new JsonObject { [name] = wrong };
        var faults = new List<FieldFault>();
        if (RequestSchema.Job.Find(name) is null)
        {
            faults.AddRange(Assert.Throws<FieldFaultException>(() => RequestReader.Read(json)).Faults);
        }
        else
        {
            JobOptions.Read(json, faults);
        }

        Assert.Contains(faults, fault => fault.Field == name || fault.Field.StartsWith(name + "[", StringComparison.Ordinal));
    }

    [Fact]
    public void A_number_beyond_its_range_is_refused_with_the_range() =>
        Gen.Select(Gen.Int[0, Numbers.Length - 1], Gen.Bool, Gen.Int[1, 1000])
            .Sample((number, isAbove, by) =>
            {
                RequestField field = Numbers[number];
                JsonObject schema = field.Declared.Schema();
                double value = isAbove ? JsonNumber.Double(schema["maximum"]!)!.Value + by : JsonNumber.Double(schema["minimum"]!)!.Value - by;

                FieldFaultException refused =
                    Assert.Throws<FieldFaultException>(() => { RequestReader.Read(new JsonObject { [field.Name] = value }); });
                FieldFault fault = Assert.Single(refused.Faults);

                Assert.Equal(field.Name, fault.Field);
                Assert.Contains(field.Declared.Allowed, fault.Message, StringComparison.Ordinal);
            });

    [Fact]
    public void Several_wrong_fields_are_refused_together()
    {
        JsonObject json = JsonNode.Parse(
            """{"steps": 0, "width": "wide", "loras": [{"weight": 11}], "hires": {"scale": 9, "what": 1}, "nonsense": 1}""")!.AsObject();

        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => RequestReader.Read(json));

        Assert.Equal(
            ["hires.scale", "hires.what", "loras[0].file", "loras[0].weight", "nonsense", "steps", "width"],
            refused.Faults.Select(fault => fault.Field).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_field_has_a_unique_name_and_a_unique_option()
    {
        Assert.Equal(RequestSchema.All.Count, RequestSchema.All.Select(field => field.Name).Distinct().Count());
        Assert.Equal(RequestSchema.All.Count, RequestSchema.All.Select(field => field.Option).Distinct().Count());
        Assert.All(RequestSchema.All, field => Assert.Matches("^[a-z0-9_]+$", field.Name));
    }

    /// <summary>Values that a schema allows, including those at its limits.</summary>
    private static IEnumerable<JsonNode> Allowed(JsonObject schema)
    {
        if (schema["anyOf"] is JsonArray choices)
        {
            return choices.SelectMany(choice => Allowed(choice!.AsObject()));
        }
        if (schema["enum"] is JsonArray words)
        {
            return words.Select(word => word!.DeepClone());
        }
        // A scheduler is a text or an object.
        string type = schema["type"] is JsonArray several ? several[^1]!.GetValue<string>() : schema["type"]!.GetValue<string>();
        return type switch
        {
            "integer" or "number" => [schema["minimum"]!.DeepClone(), (schema["maximum"] ?? schema["minimum"])!.DeepClone()],
            "boolean" => [false, true],
            "string" => [schema["pattern"] is null ? "some text, \u00e4 and \ud83c\udf4e" : "18446744073709551615"],
            "array" =>
            [
                new JsonArray([
                    .. Enumerable.Range(0, Math.Max(schema["minItems"]?.GetValue<int>() ?? 1, 1))
                        .Select(i => Allowed(schema["items"]!.AsObject()).ElementAt(i).DeepClone()),
                ]),
            ],
            "object" => [Whole(schema)],
            _ => throw new InvalidOperationException(type),
        };
    }

    private static JsonObject Whole(JsonObject schema) =>
        schema["properties"] is not JsonObject properties ? new JsonObject { ["_class_name"] = "ddim", ["eta"] = 0.5 }
        : properties.ContainsKey("frames") ? JsonNode.Parse("""{"prompts": ["a", "b"], "frames": 3}""")!.AsObject()
        : new JsonObject(
            properties.Where(field => field.Key != "scale")
                .Select(field => KeyValuePair.Create(field.Key, (JsonNode?)Allowed(field.Value!.AsObject()).Last().DeepClone())));

    /// <summary>Whether a value equals the one read: zero may become none, one text a list of one, and digits a number.</summary>
    private static bool IsEquivalent(JsonNode given, JsonNode? written) =>
        JsonNode.DeepEquals(Plain(given), Plain(written))
        || (written is JsonArray list && list.Count == 1 && JsonNode.DeepEquals(Plain(given), Plain(list[0])))
        || (written is JsonArray && given.GetValueKind() == JsonValueKind.String)
        || (written is null && JsonNode.DeepEquals(Plain(given), JsonValue.Create(0.0)))
        || (written is JsonObject scheduler && scheduler["_class_name"] is { } name && JsonNode.DeepEquals(Plain(name), Plain(given)));

    private static JsonNode? Plain(JsonNode? node) => node switch
    {
        JsonObject json =>
            new JsonObject(
                json.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => KeyValuePair.Create(field.Key, Plain(field.Value)))),
        JsonArray array => new JsonArray([.. array.Select(Plain)]),
        null => null,
        _ when JsonNumber.UInt64(node) is { } whole => JsonValue.Create((double)whole),
        _ when JsonNumber.Double(node) is { } number => JsonValue.Create(number),
        _ => node.DeepClone(),
    };
}
