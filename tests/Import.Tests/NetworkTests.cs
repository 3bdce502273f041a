using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>Graphs built from checkpoints compute what the graphs compute that were exported from the same weights.</summary>
public sealed class NetworkTests(Checkpoints checkpoints)
{
    private const float Tolerance = 1e-4f;

    /// <summary>The models, each in both forms.</summary>
    public static TheoryData<string, bool> Models => new(
        from model in (string[])
            [
                "tiny-flux-dev", "tiny-if", "tiny-if-sr", "tiny-inpaint", "tiny-karlo", "tiny-karlo-variation", "tiny-lcm", "tiny-sd15",
                "tiny-sd15-controlnet", "tiny-sd21", "tiny-sd3", "tiny-sdxl", "tiny-sdxl-refiner", "tiny-taesd", "tiny-x4-upscaler",
            ]
        from portable in (bool[])[false, true]
        select (model, portable));

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_graph_equals_the_exported_one(string model, bool isPortable)
    {
        using var folder = new TemporaryFolder();
        string imported = Import(model, folder, isPortable);
        // The exports lack encoders that their pipelines never run.
        foreach (string exported in Directory.GetFiles(Path.Combine(Checkpoints.Exported, model), "model.onnx", SearchOption.AllDirectories))
        {
            string part = Path.GetFileName(Path.GetDirectoryName(exported)!);
            using InferenceSession expected = GraphRun.Open(exported), actual = GraphRun.Open(Path.Combine(imported, part, "model.onnx"));
            for (int seed = 0; seed < 2; seed++)
            {
                Dictionary<string, OrtValue> inputs = GraphInputs.Create(expected, seed);
                Dictionary<string, (long[] Shape, float[] Values)> results = GraphRun.Run(actual, inputs);
                Assert.All(GraphRun.Run(expected, inputs), output =>
                {
                    Assert.Equal(output.Value.Shape, results[output.Key].Shape);
                    float difference = GraphRun.Difference(output.Value.Values, results[output.Key].Values);
                    Assert.True(difference <= Tolerance, $"{part} {output.Key}: {difference}");
                });
            }
        }
    }

    private string Import(string model, TemporaryFolder folder, bool isPortable)
    {
        string imported = folder.Combine(model);
        using var source = CheckpointSource.Open(checkpoints.Folder(model), new ImportSettings(null, new GraphOptions(isPortable)));
        ImportWriter.Write(source, imported, null, TestContext.Current.CancellationToken);
        return imported;
    }
}
