using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Adapters;
using Brownian.Diffusion.Noise;
using Brownian.Import.Configs;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Import.SingleFiles;
using Brownian.Import.Weights;

namespace Brownian.Import.Tests.MadeUp;

/// <summary>
/// Writes checkpoints with made-up weights, of any size. The names and shapes are those that the networks ask for, in the names of a single file or
/// of a diffusers folder.
/// </summary>
internal static partial class MadeUpCheckpoint
{
    private const string Config = "config.json";

    private static readonly (string Own, string Other)[] OpenClip =
    [
        ("text_model.embeddings.token_embedding.weight", "token_embedding.weight"),
        ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
        ("text_model.final_layer_norm", "ln_final"),
        ("text_projection.weight", "text_projection"),
        ("text_model.encoder.layers.", "transformer.resblocks."),
        (".layer_norm1.", ".ln_1."),
        (".layer_norm2.", ".ln_2."),
        (".mlp.fc1.", ".mlp.c_fc."),
        (".mlp.fc2.", ".mlp.c_proj."),
        (".self_attn.out_proj.", ".attn.out_proj."),
        (".self_attn.q_proj.", ".attn.in_proj_"),
    ];

    /// <summary>Writes one file in Stability's names.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="model">The model: Stable Diffusion 1.x, or XL when it has a second text encoder.</param>
    /// <param name="isHalf">Whether the weights are float16, and not float32.</param>
    /// <param name="seed">The seed of the weights.</param>
    /// <param name="title">The title in the file's metadata; null for none.</param>
    public static void WriteFile(string file, MadeUpModel model, bool isHalf = false, ulong seed = 0, string? title = null)
    {
        var tensors = new List<(string Name, int[] Shape)>();
        int levels = model.Unet["block_out_channels"]!.AsArray().Count, layers = (int)model.Unet["layers_per_block"]!;
        (string Name, int[] Shape)[] unet =
            [.. Requested("unet", model.Unet, model.SecondText is { } second ? (int)second["projection_dim"]! : null)];
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
        int vaeLevels = model.Vae["block_out_channels"]!.AsArray().Count;
        tensors.AddRange(Requested("vae", model.Vae).Select(tensor => (
            "first_stage_model." + AutoencoderNames.Of(tensor.Name, vaeLevels),
            tensor.Name.Contains(".attentions.", StringComparison.Ordinal) && tensor.Shape.Length == 2 ? [.. tensor.Shape, 1, 1] : tensor.Shape)));
        string first = model.SecondText is null ? "cond_stage_model.transformer." : "conditioner.embedders.0.transformer.";
        tensors.AddRange(Requested("text_encoder", model.Text).Select(tensor => (first + tensor.Name, tensor.Shape)));
        if (model.SecondText is { } projected)
        {
            tensors.AddRange(Requested("text_encoder_2", projected).Select(InOpenClip).OfType<(string Name, int[] Shape)>()
                .Select(tensor => ("conditioner.embedders.1.model." + tensor.Name, tensor.Shape)));
        }
        WriteTensors(file, tensors, isHalf, seed, title);
    }

    /// <summary>Writes a diffusers folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="template">A folder of the same pipeline, whose tokenizers, scheduler and configurations it gets.</param>
    /// <param name="changes">The changed keys of the configurations, by the names of the parts.</param>
    /// <param name="isHalf">Whether the weights are float16, and not float32.</param>
    public static void WriteFolder(string folder, string template, IReadOnlyDictionary<string, JsonObject> changes, bool isHalf = false)
    {
        foreach (string file in Directory.GetFiles(template, "*", SearchOption.AllDirectories).Where(file => !IsWeights(file)))
        {
            string copy = Path.Combine(folder, Path.GetRelativePath(template, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        foreach (string part in Directory.GetDirectories(template).Where(part => Directory.GetFiles(part).Any(IsWeights)).Select(Path.GetFileName)!)
        {
            string file = Path.Combine(folder, part, Config);
            JsonObject config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
            foreach ((string key, JsonNode? value) in changes.GetValueOrDefault(part) ?? [])
            {
                config[key] = value?.DeepClone();
            }
            File.WriteAllText(file, config.ToJsonString());
            bool isText = part.StartsWith("text_encoder", StringComparison.Ordinal);
            string weights = isText ? "model.safetensors" : "diffusion_pytorch_model.safetensors";
            WriteTensors(Path.Combine(folder, part, weights), [.. Requested(part, JsonNode.Parse(config.ToJsonString())!.AsObject())], isHalf, 0);
        }

        static bool IsWeights(string file) => Path.GetExtension(file) is ".safetensors" or ".bin" or ".gguf" || file.EndsWith(
            ".index.json", StringComparison.Ordinal);
    }

    /// <summary>Returns the names and shapes of the weights that a network asks for: all are reported as missing.</summary>
    private static IEnumerable<(string Name, int[] Shape)> Requested(string part, JsonObject config, int? pooledWidth = null)
    {
        var parts = new PartReader(new GraphOptions()) { PooledWidth = pooledWidth };
        parts.Read(part, new NetworkConfig(config, part), new Parameters("", _ => null));
        return parts.Built.SelectMany(built => built.Graph.Faults).Distinct().Select(fault => Missing().Match(fault)).Select(match => (
            match.Groups[1].Value,
            match.Groups[2].Value.Split(", ").Select(side => int.Parse(side, CultureInfo.InvariantCulture)).ToArray()));
    }

    /// <summary>Returns a weight of a text encoder as OpenCLIP stores it; null for one that is stored with another.</summary>
    private static (string Name, int[] Shape)? InOpenClip((string Name, int[] Shape) tensor)
    {
        if (tensor.Name.Contains(".k_proj.", StringComparison.Ordinal) || tensor.Name.Contains(".v_proj.", StringComparison.Ordinal))
        {
            return null;
        }
        string name = OpenClip.Aggregate(tensor.Name, (changed, pair) => changed.Replace(pair.Own, pair.Other, StringComparison.Ordinal));
        return (name, name.Contains(".in_proj_", StringComparison.Ordinal) ? [3 * tensor.Shape[0], .. tensor.Shape[1..]]
            : name == "text_projection" ? [tensor.Shape[1], tensor.Shape[0]]
            : tensor.Shape);
    }

    private static void WriteTensors(string file, IReadOnlyList<(string Name, int[] Shape)> tensors, bool isHalf, ulong seed, string? title = null)
    {
        var header = new JsonObject();
        if (title is not null)
        {
            header["__metadata__"] = new JsonObject { ["modelspec.title"] = title };
        }
        int size = isHalf ? 2 : sizeof(float);
        long end = 0;
        foreach ((string name, int[] shape) in tensors)
        {
            long bytes = Count(shape) * size;
            header[name] = new JsonObject
            {
                ["dtype"] = isHalf ? "F16" : "F32",
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
        foreach ((string name, int[] shape) in tensors)
        {
            long count = Count(shape);
            // Every tensor has its own numbers: the runtime keeps equal ones once, which would make a model look small.
            generator.FillNormal(noise);
            // Norms keep their values, and products those of unit variance.
            bool isScale = shape.Length == 1 && name.EndsWith(".weight", StringComparison.Ordinal);
            float deviation = 1 / MathF.Sqrt(Count(shape.AsSpan(1)));
            float[] part = [.. noise.Take((int)Math.Min(noise.Length, count))
                .Select(value => isScale ? 1 : shape.Length == 1 ? 0 : value * deviation)];
            ReadOnlySpan<byte> piece = isHalf
                ? MemoryMarshal.AsBytes(Array.ConvertAll(part, value => (Half)value).AsSpan()) : MemoryMarshal.AsBytes(part.AsSpan());
            for (long left = count * size; left > 0; left -= piece.Length)
            {
                stream.Write(piece[..(int)Math.Min(piece.Length, left)]);
            }
        }
    }

    private static long Count(ReadOnlySpan<int> shape)
    {
        long count = 1;
        foreach (int side in shape)
        {
            count *= side;
        }
        return count;
    }

    [GeneratedRegex(@"^(\S+) \[([\d, ]+)\] is missing$")]
    private static partial Regex Missing();
}
