using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Formats.Tensors;
using Brownian.Models.Folders;

namespace Brownian.Inference.Tests.Adapters;

/// <summary>The reference's adapters, models and values.</summary>
internal static class GoldenData
{
    private static readonly string Data = Path.Combine(AppContext.BaseDirectory, "Data");

    public static string LoraFolder { get; } = Path.Combine(Data, "loras");

    public static string[] Loras =>
        [.. Directory.GetFiles(Path.Combine(Data, "loras")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    public static LoraFile Lora(string name) => LoraFile.Read(Path.Combine(Data, "loras", name));

    public static string Embedding(string name) => Path.Combine(Data, "embeddings", name);

    public static ModelFolder Model(string name) => ModelFolder.Open(Path.Combine(Data, "models", name));

    public static string ModelOf(string lora) => lora.StartsWith("sdxl", StringComparison.Ordinal) ? "tiny-sdxl" : "tiny-sd15";

    public static Dictionary<string, GraphWeights> Weights(string model) => Model(model).Graphs
        .Where(graph => graph.Key == "unet" || graph.Key.StartsWith("text_encoder", StringComparison.Ordinal))
        .ToDictionary(graph => graph.Key, graph => GraphWeights.Read(graph.Value.File));

    /// <summary>The signatures that adapters are compared with.</summary>
    public static Dictionary<string, GraphSignature> Signatures(this Dictionary<string, GraphWeights> weights) =>
        weights.ToDictionary(part => part.Key, part => part.Value.Signature);

    public static JsonObject Case(string name) => JsonNode.Parse(File.ReadAllText(CaseFile(name, "case.json")))!.AsObject();

    public static Tensor Expected(string name, string tensor) => NpyFile.Read(CaseFile(name, tensor + ".npy"));

    public static AdapterSet Adapters(JsonObject golden)
    {
        JsonObject request = golden["request"]!.AsObject();
        return new AdapterSet(
            [
                .. (request["loras"] as JsonArray ?? [])
                    .Select(lora => new LoraUse(Lora(lora!["file"]!.GetValue<string>()), lora["weight"]!.GetValue<double>()))
            ],
            [
                .. (request["textual_inversions"] as JsonArray ?? [])
                    .Select(entry => TextualInversion.Read(Embedding(entry!["file"]!.GetValue<string>()), entry["token"]?.GetValue<string>())),
            ]);
    }

    public static long[] Ids(JsonObject golden, string name) => golden["expected"]![name]!.AsArray().Single()!.Deserialize<long[]>()!;

    private static string CaseFile(string name, string file) => Path.Combine(Data, "cases", name, file);
}
