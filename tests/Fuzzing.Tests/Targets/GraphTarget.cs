using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Inference.Sessions;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>ONNX graphs: their structure, which is read byte by byte, and the session of ONNX Runtime.</summary>
internal sealed class GraphTarget : FuzzTarget
{
    private readonly TemporaryFolder _folder = new();

    public override int CasesPerSecond => 200;

    public override int MaxLength => 128 << 10;

    public override IReadOnlyList<string> Tokens =>
        ["transB", "perm", "Gemm", "MatMul", "Conv", "Transpose", "If", "Loop", "location", "offset", "length", "../weights.pb", "/dev/zero",
            "pkg.torch.onnx.name_scopes"];

    public override IEnumerable<FuzzInput> Seeds()
    {
        yield return new FuzzInput("graph", File.ReadAllBytes(Path.Combine(SeedFiles.Models, "tiny-karlo", "text_proj", "model.onnx")));
        yield return new FuzzInput("graph", File.ReadAllBytes(Path.Combine(SeedFiles.Models, "tiny-taesd", "vae_decoder", "model.onnx")));
        yield return new FuzzInput("graph", SmallGraph());
    }

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Wire;

    public override void Run(FuzzInput input)
    {
        string file = _folder.Combine("model.onnx");
        File.WriteAllBytes(file, input.Bytes);
        ModelException? refused = null;
        try
        {
            GraphWeights weights = GraphWeights.Read(file);
            foreach (OnnxInitializer initializer in weights.Structure.Initializers)
            {
                _ = initializer.Count;
            }
        }
        catch (ModelException exception)
        {
            refused = exception;
        }
        OnnxGraph.Load(file, new SessionSettings { Threads = 1 }).Dispose();
        if (refused is not null)
        {
            throw refused;
        }
    }

    public override bool IsDocumented(Exception exception) => exception is ModelException;

    public override void Dispose()
    {
        _folder.Dispose();
        base.Dispose();
    }

    /// <summary>A graph that adds a weight to its input: ModelProto with one Add (onnx.proto3, IR version 8, opset 17).</summary>
    private static byte[] SmallGraph()
    {
        byte[] tensorType = Message(1, [0x08, 1, .. Message(2, Message(1, [0x08, 2]))]);
        byte[] node = [.. Text(1, "x"), .. Text(1, "w"), .. Text(2, "y"), .. Text(3, "add"), .. Text(4, "Add")];
        byte[] weight = [0x08, 2, 0x10, 1, .. Text(8, "w"), .. Message(9, new byte[8])];
        byte[] graph =
        [
            .. Message(1, node), .. Text(2, "g"), .. Message(5, weight), .. Message(11, [.. Text(1, "x"), .. Message(2, tensorType)]),
            .. Message(12, [.. Text(1, "y"), .. Message(2, tensorType)]),
        ];
        return [0x08, 8, .. Message(7, graph), .. Message(8, [0x10, 17])];

        static byte[] Text(int field, string text) => Message(field, System.Text.Encoding.UTF8.GetBytes(text));

        // Every length is below 128.
        static byte[] Message(int field, byte[] content) => [(byte)(field << 3 | 2), (byte)content.Length, .. content];
    }
}
