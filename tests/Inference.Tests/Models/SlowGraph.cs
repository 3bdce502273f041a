namespace Brownian.Inference.Tests.Models;

/// <summary>A graph that takes seconds to load: products of large constants, which the library computes at that time.</summary>
internal static class SlowGraph
{
    private const int Side = 768, Products = 64;

    /// <summary>Writes <c>model.onnx</c>.</summary>
    /// <returns>The file.</returns>
    public static string Save(string folder)
    {
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, "model.onnx");
        OnnxStub stub = new OnnxStub()
            .Input("sample", OnnxStub.Float32, Side, Side)
            .Weights("product0", [.. Enumerable.Range(0, Side * Side).Select(i => (i % 7 - 3) / 1024f)], Side, Side);
        for (int i = 1; i <= Products; i++)
        {
            stub = stub.Node("MatMul", [$"product{i - 1}", "product0"], $"product{i}");
        }
        stub.Node("Add", ["sample", $"product{Products}"], "out").Output("out", OnnxStub.Float32, Side, Side).Save(file);
        return file;
    }
}
