using System.Buffers.Binary;
using Brownian.Formats.Files;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Import.Configs;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Import.Weights;
using Brownian.Inference.Tests.Adapters;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Imports: configurations up to the graph without weights, and single files up to their kind and shapes.</summary>
internal sealed class ImportTarget : FuzzTarget
{
    private const string File = "file";

    private static readonly string[] Models =
        ["tiny-sd15", "tiny-sd15-controlnet", "tiny-sdxl", "tiny-sd3", "tiny-flux-dev", "tiny-if", "tiny-karlo-variation", "tiny-taesd"];

    private readonly TemporaryFolder _folder = new();

    public override int CasesPerSecond => 300;

    public override IReadOnlyList<string> Tokens =>
    [
        "_class_name", "architectures", "in_channels", "block_out_channels", "layers_per_block", "attention_head_dim", "norm_num_groups",
        "transformer_layers_per_block", "down_block_types", "up_block_types", "cross_attention_dim", "num_layers", "num_single_layers",
        "num_attention_heads", "axes_dims_rope", "hidden_size", "num_hidden_layers", "vocab_size", "max_position_embeddings", "d_model", "d_ff",
        "num_embeddings", "additional_embeddings", "latent_channels", "addition_embed_type", "class_embed_type", "null", "true", "2147483647", "-1",
        "0", "[[1,2],[3]]", "1e308", "model.diffusion_model.input_blocks.", "model.diffusion_model.output_blocks.", "double_blocks.", "joint_blocks.",
        "first_stage_model.decoder.up.", "cond_stage_model.transformer.text_model.", "conditioner.embedders.1.model.", "model.0.weight",
        "conv_first.weight", "body.0.rdb1.conv1.weight", "dtype", "shape", "data_offsets", "F16", "F8_E4M3",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        foreach (string model in Models)
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(SeedFiles.Models, model), "config.json", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal))
            {
                yield return new FuzzInput(Path.GetFileName(Path.GetDirectoryName(file)!), System.IO.File.ReadAllBytes(file));
            }
        }
        yield return new FuzzInput(File, Writer("model.diffusion_model.input_blocks.0.0.weight", 2, 4, 3, 3)
            .Floats("model.diffusion_model.out.2.weight", new float[72], 4, 2, 3, 3)
            .Floats("first_stage_model.decoder.up.0.block.0.conv1.weight", new float[36], 2, 2, 3, 3)
            .Floats("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", new float[8], 4, 2).Bytes());
        yield return new FuzzInput(
            File, Writer("conv_first.weight", 2, 3, 3, 3).Floats("body.0.rdb1.conv1.weight", new float[36], 2, 2, 3, 3).Bytes());
        // Whole: two convolutions of two features, and one that makes pictures of twice the side.
        yield return new FuzzInput(File, Writer("body.0.weight", 2, 3, 3, 3)
            .Floats("body.0.bias", new float[2], 2).Floats("body.1.weight", new float[2], 2)
            .Floats("body.2.weight", new float[36], 2, 2, 3, 3).Floats("body.2.bias", new float[2], 2).Floats("body.3.weight", new float[2], 2)
            .Floats("body.4.weight", new float[216], 12, 2, 3, 3).Floats("body.4.bias", new float[12], 12).Bytes());
        yield return new FuzzInput(File, Writer("double_blocks.0.img_attn.qkv.weight", 6, 2)
            .Floats("single_blocks.0.linear1.weight", new float[28], 14, 2).Floats("img_in.weight", new float[8], 2, 4).Bytes());
        yield return new FuzzInput(File, Writer("joint_blocks.0.x_block.attn.qkv.weight", 6, 2)
            .Floats("pos_embed", new float[8], 1, 4, 2).Floats("x_embedder.proj.weight", new float[128], 2, 16, 2, 2).Bytes());
    }

    public override bool AcceptsAllSeeds => false;

    public override FuzzFormat FormatOf(string kind) => kind == File ? FuzzFormat.Bytes : FuzzFormat.Json;

    // The nodes of a graph of up to thousands of layers.
    public override long MaxAllocated(FuzzInput input) => (1L << 30) + 256L * input.Bytes.Length;

    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes)
    {
        int end = kind == File ? bytes.AsSpan().LastIndexOf("}}"u8) : -1;
        if (end < sizeof(long) || random.OneIn(3))
        {
            return bytes;
        }
        byte[] repaired = [.. bytes];
        BinaryPrimitives.WriteInt64LittleEndian(repaired, end + 2 - sizeof(long));
        return repaired;
    }

    public override void Run(FuzzInput input)
    {
        if (input.Kind == File)
        {
            string file = _folder.Combine("model.safetensors");
            System.IO.File.WriteAllBytes(file, input.Bytes);
            CheckpointSource.Open(file, new ImportSettings(null, new GraphOptions())).Dispose();
            return;
        }
        string config = _folder.Combine("config.json");
        System.IO.File.WriteAllBytes(config, input.Bytes);
        var parts = new PartReader(new GraphOptions());
        parts.Read(input.Kind, new NetworkConfig(JsonFile.Read(config), "config.json"), new Parameters("weights", _ => null));
        if (parts.Faults.Count == 0)
        {
            throw new InvalidOperationException("a network without weights has no fault");
        }
    }

    public override bool IsDocumented(Exception exception) => exception is ModelException;

    public override void Dispose()
    {
        _folder.Dispose();
        base.Dispose();
    }

    private static SafetensorsWriter Writer(string name, params int[] shape) => new SafetensorsWriter()
        .Floats(name, new float[shape.Aggregate(1, (product, side) => product * side)], shape);
}
