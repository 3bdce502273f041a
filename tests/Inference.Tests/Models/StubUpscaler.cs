namespace Brownian.Inference.Tests.Models;

/// <summary>A small convolutional upscaler: two convolutions with a common reach of 3 pixels, whose channels become pixels twice as large.</summary>
internal sealed record StubUpscaler
{
    public const int Scale = 2;
    public const int Reach = 3;
    private const int Hidden = 6;

    /// <summary>The side that the graph fixes; null for any side.</summary>
    public int? Side { get; init; }

    /// <summary>Whether it works on squares of two by two, and accepts only images of even sides.</summary>
    public bool IsPacked { get; init; }

    /// <summary>Whether it also uses the whole image's mean.</summary>
    public bool Pools { get; init; }

    /// <summary>The content of <c>config.json</c>; null for no file.</summary>
    public string? Config { get; init; }

    /// <summary>Writes the folder.</summary>
    public string Save(string folder)
    {
        int inputs = IsPacked ? 12 : 3, outputs = 3 * Scale * Scale * (IsPacked ? 4 : 1);
        OnnxStub stub = new OnnxStub()
            .Input("image", OnnxStub.Float32, 1, 3, Side, Side)
            .Weights("first", Waves(Hidden * inputs * 25, 0.9f), Hidden, inputs, 5, 5)
            .Weights("second", Waves(outputs * Hidden * 9, 0.8f), outputs, Hidden, 3, 3);
        string sample = "image";
        if (IsPacked)
        {
            stub.Node("SpaceToDepth", [sample], "squares", ("blocksize", 2));
            sample = "squares";
        }
        stub.Node("Conv", [sample, "first"], "near", ("kernel_shape", (int[])[5, 5]), ("pads", (int[])[2, 2, 2, 2]))
            .Node("Relu", ["near"], "positive");
        if (Pools)
        {
            stub.Node("GlobalAveragePool", ["positive"], "mean").Node("Mul", ["positive", "mean"], "pooled");
        }
        stub.Node("Conv", [Pools ? "pooled" : "positive", "second"], "far", ("kernel_shape", (int[])[3, 3]), ("pads", (int[])[1, 1, 1, 1]))
            .Node("Sigmoid", ["far"], "levels")
            .Node("DepthToSpace", ["levels"], "larger", ("blocksize", IsPacked ? 2 * Scale : Scale))
            .Output("larger", OnnxStub.Float32, 1, 3, null, null)
            .Save(Path.Combine(folder, "upscaler", "model.onnx"));
        if (Config is not null)
        {
            File.WriteAllText(Path.Combine(folder, "upscaler", "config.json"), Config);
        }
        return folder;
    }

    private static float[] Waves(int count, float size) => [.. Enumerable.Range(0, count).Select(i => size * MathF.Sin(i * i + 1))];
}
