using System.Buffers.Binary;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Inference.Tests.Adapters;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>LoRAs and textual inversions: their files, the models that they fit, and the changed graph.</summary>
internal sealed class AdapterTarget : FuzzTarget
{
    private const string Lora = "lora", Inversion = "textual-inversion", Part = "text_encoder";

    private readonly GraphWeights _weights = GraphWeights.Read(Path.Combine(SeedFiles.Models, "tiny-sd15", Part, "model.onnx"));
    private readonly IReadOnlyDictionary<string, GraphSignature> _signatures;

    public AdapterTarget() => _signatures = new Dictionary<string, GraphSignature>(StringComparer.Ordinal) { [Part] = _weights.Signature };

    public override int CasesPerSecond => 3000;

    public override int MaxLength => 512 << 10;

    public override IReadOnlyList<string> Tokens =>
    [
        "dtype", "shape", "data_offsets", "__metadata__", "F32", "F16", "BF16", "I64", ".lora_A.weight", ".lora_B.weight", ".lora_down.weight",
        ".lora_up.weight", ".alpha",
        ".dora_scale", ".lora_magnitude_vector", ".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b", ".hada_t1", ".hada_t2", ".lokr_w1",
        ".lokr_w2", ".lokr_w1_a", ".lokr_w1_b", ".lokr_w2_a", ".lokr_w2_b", ".lokr_t2", ".diff", ".diff_b", ".lora_mid.weight", ".lora_B.bias",
        "lycoris_", "lora_te_text_model_encoder_layers_0_self_attn_q_proj", "text_encoder.", "unet.", "emb_params",
        "string_to_param", "clip_l", "clip_g",
        "lora_alpha", "[2147483647,2]", "[]", "[0]", "[1,1,1,1]",
    ];

    public override IEnumerable<FuzzInput> Seeds() =>
    [
        .. SeedFiles.Of(Lora, "*.safetensors", 256 << 10, "tests", "Golden.Tests", "Data", "loras").Where(file => IsFit(file)),
        .. MadeUpAdapter.Kinds.Select(kind => new FuzzInput(Lora, Adapter(kind))),
        .. SeedFiles.Of(Inversion, "*.safetensors", 256 << 10, "tests", "Golden.Tests", "Data", "embeddings"),
    ];

    // The whole file, the merged weights of a graph and the graph itself.
    public override long MaxAllocated(FuzzInput input) => (64L << 20) + 256L * input.Bytes.Length;

    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes)
    {
        int end = bytes.AsSpan().LastIndexOf("}}"u8);
        if (end < 10 || random.OneIn(3))
        {
            return bytes;
        }
        byte[] repaired = [.. bytes];
        BinaryPrimitives.WriteInt64LittleEndian(repaired, end + 2 - sizeof(long));
        return repaired;
    }

    public override void Run(FuzzInput input)
    {
        SafetensorsFile file = SafetensorsFile.Parse(input.Bytes, "file");
        AdapterSet set = input.Kind == Lora
            ? new AdapterSet([new LoraUse(LoraFile.Parse(file), 0.5)], [])
            : new AdapterSet([], [TextualInversion.Parse(file, "x")]);
        set.Check(_signatures);
        set.Patch(Part, _weights).Dispose();
    }

    public override bool IsDocumented(Exception exception) => exception is ModelException or FieldFaultException;

    /// <summary>Creates an adapter of one kind, with DoRA and a bias where the kind can have them.</summary>
    private static byte[] Adapter(string kind)
    {
        const string Stem = "lora_te_text_model_encoder_layers_0_self_attn_q_proj";
        int at = 0;
        var adapter = new MadeUpAdapter(new SafetensorsWriter(), () => at++ % 7 / 8f);
        adapter.Write(Stem, kind, (4, 8), (4, 8), 0, 2, 1);
        adapter.Tensor($"{Stem}.diff_b", adapter.Values(32), 32);
        if (kind != "full")
        {
            adapter.Tensor($"{Stem}.dora_scale", adapter.Values(32), 1, 32);
        }
        return adapter.Writer.Bytes();
    }

    /// <summary>Whether a LoRA changes the text encoder alone, which is the small graph.</summary>
    private bool IsFit(FuzzInput file)
    {
        try
        {
            Run(file);
            return true;
        }
        catch (ModelException)
        {
            return false;
        }
    }
}
