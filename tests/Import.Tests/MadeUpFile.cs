using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Adapters;
using Brownian.Diffusion.Noise;
using Brownian.Import.Configs;
using Brownian.Import.Graphs;
using Brownian.Import.Networks;
using Brownian.Import.Networks.Unet;
using Brownian.Import.SingleFiles;
using Brownian.Import.Weights;

namespace Brownian.Import.Tests;

/// <summary>
/// Writes a file with the names of Stable Diffusion 1.x and made-up weights, of any size. The names and shapes are those that the networks ask for.
/// </summary>
internal static partial class MadeUpFile
{
    /// <summary>A model of 9 MB with CLIP's whole vocabulary.</summary>
    public static readonly (JsonObject Unet, JsonObject Vae, JsonObject Text) Small = (
        JsonNode.Parse("""
            {
              "block_out_channels": [32, 64], "cross_attention_dim": 64, "layers_per_block": 1,
              "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]
            }
            """)!.AsObject(),
        JsonNode.Parse("""
            {
              "block_out_channels": [32, 32, 32, 32], "layers_per_block": 1,
              "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
              "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]
            }
            """)!.AsObject(),
        JsonNode.Parse("""{ "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 1 }""")!.AsObject());

    /// <summary>Writes a file.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="configs">The configurations, in diffusers' and transformers' keys.</param>
    /// <param name="seed">The seed of the weights.</param>
    public static void Write(string file, (JsonObject Unet, JsonObject Vae, JsonObject Text) configs, ulong seed = 0)
    {
        var tensors = new List<(string Name, int[] Shape)>();
        int levels = configs.Unet["block_out_channels"]!.AsArray().Count, layers = (int)configs.Unet["layers_per_block"]!;
        (string Name, int[] Shape)[] unet = [.. Requested(
            parameters => [Unet2DCondition.Build(new NetworkConfig(configs.Unet, "unet"), parameters, new GraphOptions(), new UnetInputs())])];
        bool[] attends =
        [
            .. Enumerable.Range(0, levels)
                .Select(block => unet.Any(tensor => tensor.Name.StartsWith($"up_blocks.{block}.attentions.", StringComparison.Ordinal)))
        ];
        int[] down = [.. Enumerable.Repeat(layers, levels)], up = [.. Enumerable.Repeat(layers + 1, levels)];
        tensors.AddRange(unet.Select(tensor =>
        {
            int end = tensor.Name.LastIndexOf('.');
            string module = StabilityNames.Of(tensor.Name[..end], down, up, block => attends[block])!;
            return (DerivedConfigs.Unet + module + tensor.Name[end..], tensor.Shape);
        }));
        int vaeLevels = configs.Vae["block_out_channels"]!.AsArray().Count;
        tensors.AddRange(Requested(parameters =>
        {
            var autoencoder = new AutoencoderKl(new NetworkConfig(configs.Vae, "vae"), parameters, new GraphOptions());
            return [autoencoder.BuildEncoder(), autoencoder.BuildDecoder()];
        }).Select(tensor => (
            "first_stage_model." + AutoencoderNames.Of(tensor.Name, vaeLevels),
            tensor.Name.Contains(".attentions.", StringComparison.Ordinal) && tensor.Shape.Length == 2 ? [.. tensor.Shape, 1, 1] : tensor.Shape)));
        tensors.AddRange(Requested(
            parameters => [ClipText.Build(new NetworkConfig(configs.Text, "text"), parameters, new GraphOptions(), isProjected: false)])
                .Select(tensor => ("cond_stage_model.transformer." + tensor.Name, tensor.Shape)));
        WriteTensors(file, tensors, seed);
    }

    /// <summary>Returns the names and shapes of the weights that networks ask for: all are reported as missing.</summary>
    private static IEnumerable<(string Name, int[] Shape)> Requested(Func<Parameters, GraphBuilder[]> build) =>
        build(new Parameters("", _ => null)).SelectMany(graph => graph.Faults).Select(fault => Missing().Match(fault)).Select(match => (
            match.Groups[1].Value,
            match.Groups[2].Value.Split(", ").Select(side => int.Parse(side, CultureInfo.InvariantCulture)).ToArray()));

    private static void WriteTensors(string file, List<(string Name, int[] Shape)> tensors, ulong seed)
    {
        var header = new JsonObject();
        long end = 0;
        foreach ((string name, int[] shape) in tensors)
        {
            long bytes = shape.Aggregate(1L, (product, side) => product * side) * sizeof(float);
            header[name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. shape.Select(side => JsonValue.Create(side))]),
                ["data_offsets"] = new JsonArray(end, end += bytes),
            };
        }
        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using FileStream stream = File.Create(file);
        stream.Write(BitConverter.GetBytes((long)json.Length));
        stream.Write(json);
        var generator = new TorchCpuGenerator(seed);
        float[] noise = new float[1 << 16];
        generator.FillNormal(noise);
        foreach ((string name, int[] shape) in tensors)
        {
            long count = shape.Aggregate(1L, (product, side) => product * side);
            // Norms keep their values, and products those of unit variance.
            bool isScale = shape.Length == 1 && name.EndsWith(".weight", StringComparison.Ordinal);
            float deviation = 1 / MathF.Sqrt(shape.Skip(1).Aggregate(1f, (product, side) => product * side));
            float[] part = [.. noise.Select(value => isScale ? 1 : shape.Length == 1 ? 0 : value * deviation)];
            for (long done = 0; done < count; done += part.Length)
            {
                stream.Write(MemoryMarshal.AsBytes(part.AsSpan(0, (int)Math.Min(part.Length, count - done))));
            }
        }
    }

    [GeneratedRegex(@"^(\S+) \[([\d, ]+)\] is missing$")]
    private static partial Regex Missing();
}
