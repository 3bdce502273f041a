using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Cli.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli.Batch;

/// <summary>Makes the requests of a batch: each item with each combination of the matrix, on the fields of the options.</summary>
internal static class BatchPlan
{
    private const int MaxImages = 1000;

    /// <summary>Makes the requests.</summary>
    /// <param name="common">The fields of the options.</param>
    /// <param name="items">The items of the file; one without fields when there is no file.</param>
    /// <param name="matrix">The matrix.</param>
    /// <param name="variants">Chooses the variants in prompts; null where braces and underscores are characters of the prompt.</param>
    /// <param name="batch">The batch's id, from which images with variants get their seeds where the request has none.</param>
    /// <param name="faults">Receives the faults.</param>
    public static IReadOnlyList<BatchRequest> Create(
        JsonObject common, IReadOnlyList<BatchItem> items, BatchMatrix matrix, PromptVariants? variants, string batch, List<FieldFault> faults)
    {
        var requests = new List<BatchRequest>();
        foreach (BatchItem item in items.SelectMany(matrix.Combine))
        {
            JsonObject fields = Merge(common, item.Fields);
            if (fields["prompt"] is null && RequestReading.NeedsPrompt(fields))
            {
                faults.Add(new FieldFault(item.Where + "prompt", "is missing; allowed: text, also as the argument of the command"));
            }
            string key = KeyOf(fields);
            if (variants is null || !HasVariants(fields))
            {
                requests.Add(new BatchRequest(requests.Count, item.Where, fields, item.Label, key));
                continue;
            }
            int image = 0;
            foreach (ulong? seed in SeedsOf(fields))
            {
                string own = string.Create(CultureInfo.InvariantCulture, $"{key}-{image++}");
                JsonObject chosen = fields.DeepClone().AsObject();
                chosen.Remove("seeds");
                chosen.Remove("count");
                chosen["seed"] = seed ?? SeedOf(batch, own);
                try
                {
                    variants.Choose(chosen, (ulong)chosen["seed"]!);
                }
                catch (FieldFaultException exception)
                {
                    faults.AddRange(exception.Faults.Select(fault => fault with { Field = item.Where + fault.Field }));
                    break;
                }
                // The label of a line has its own prompt, before the choice.
                string label = item.Fields["prompt"] is null ? Labelled(chosen, item.Label) : BatchFile.LabelOf(Prompt(chosen));
                requests.Add(new BatchRequest(requests.Count, item.Where, chosen, label, own));
            }
        }
        return requests;
    }

    private static string Labelled(JsonObject chosen, string label)
    {
        string prompt = chosen["prompt"]?.ToString() ?? "";
        return label.Length == 0 ? prompt : $"{prompt}, {label}";
    }

    private static JsonObject Prompt(JsonObject fields) =>
        new() { ["prompt"] = fields["prompt"]?.DeepClone(), ["seed"] = fields["seed"]?.DeepClone() };

    private static JsonObject Merge(JsonObject common, JsonObject fields)
    {
        var merged = (JsonObject)common.DeepClone();
        if (fields["seeds"] is not null)
        {
            merged.Remove("seed");
            merged.Remove("count");
        }
        foreach ((string name, JsonNode? value) in fields)
        {
            if (value is JsonObject inner && merged[name] is JsonObject outer && name == "output")
            {
                foreach ((string part, JsonNode? given) in inner)
                {
                    outer[part] = given?.DeepClone();
                }
                continue;
            }
            BatchItem.Set(merged, name, value);
        }
        return merged;
    }

    private static bool HasVariants(JsonObject fields) =>
        fields.Any(field => field.Key.Contains("prompt", StringComparison.Ordinal) && field.Value is JsonValue value
            && value.TryGetValue(out string? text) && PromptVariants.AreIn(text));

    /// <summary>Returns the seed of each image; null where the request has none. The fields are checked when the request is read.</summary>
    private static IEnumerable<ulong?> SeedsOf(JsonObject fields)
    {
        if (fields["seeds"] is JsonArray seeds)
        {
            return seeds.Select(Number);
        }
        int count = (int)Math.Clamp(Number(fields["count"]) ?? 1, 1, MaxImages);
        ulong? first = Number(fields["seed"]);
        return Enumerable.Range(0, count).Select(i => first + (ulong)i);

        static ulong? Number(JsonNode? value) => value is null ? null : JsonNumber.UInt64(value);
    }

    private static ulong SeedOf(string batch, string key) =>
        BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{batch}\n{key}")));

    private static string KeyOf(JsonObject fields) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(fields.ToJsonString())))[..32];
}
