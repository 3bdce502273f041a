using Brownian.Formats.Checkpoints;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>Networks with other options than those of the exported models compute what diffusers and transformers computed.</summary>
public sealed class ProbeTests(Checkpoints checkpoints)
{
    private const float Tolerance = 1e-4f;

    [Theory]
    [InlineData("ck-sd15-three-levels", false)]
    [InlineData("ck-sd15-three-levels", true)]
    [InlineData("ck-sdxl-depth", false)]
    [InlineData("ck-sdxl-depth", true)]
    [InlineData("ck-if-other", false)]
    [InlineData("ck-if-other", true)]
    public void Every_network_gives_the_outputs_of_the_reference(string model, bool isPortable)
    {
        using var folder = new TemporaryFolder();
        string imported = folder.Combine(model);
        using (var source = CheckpointSource.Open(checkpoints.Folder(model), new ImportSettings(null, new GraphOptions(isPortable))))
        {
            ImportWriter.Write(source, imported, null, TestContext.Current.CancellationToken);
        }
        using var probes = WeightSet.OpenFile(Repository.Combine("tests", "Import.Tests", "Data", "probes", model + ".safetensors"));
        string[] parts = [.. probes.Tensors.Keys.Select(name => name.Split('.')[0]).Distinct()];
        Assert.NotEmpty(parts);
        Assert.All(parts, part =>
        {
            using InferenceSession session = GraphRun.Open(Path.Combine(imported, part, "model.onnx"));
            var inputs = session.InputMetadata.ToDictionary(
                input => input.Key,
                input =>
                {
                    (float[] values, long[] shape) = Read($"{part}.in.{input.Key}");
                    return input.Value.ElementDataType == Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Int64
                        ? OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values, value => (long)value), shape)
                        : OrtValue.CreateTensorValueFromMemory(values, shape);
                });
            Dictionary<string, (long[] Shape, float[] Values)> results = GraphRun.Run(session, inputs);
            int compared = 0;
            foreach (string name in probes.Tensors.Keys.Where(name => name.StartsWith(part + ".out.", StringComparison.Ordinal)))
            {
                string output = name[(part.Length + ".out.".Length)..];
                output = output == "hidden_states_minus_2"
                    ? $"hidden_states.{results.Keys.Count(key => key.StartsWith("hidden_states.", StringComparison.Ordinal)) - 2}"
                    : output;
                float difference = GraphRun.Difference(Read(name).Values, results[output].Values);
                Assert.True(difference <= Tolerance, $"{output}: {difference}");
                compared++;
            }
            Assert.NotEqual(0, compared);
        });

        (float[] Values, long[] Shape) Read(string name) =>
            (probes.Read(probes.Tensors[name]), [.. probes.Tensors[name].Shape.Select(side => (long)side)]);
    }
}
