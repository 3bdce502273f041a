using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Formats.Weights;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Import.Onnx;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Brownian.Import.Tests;

/// <summary>Models with weights of 16 bits.</summary>
public sealed class HalfPrecisionTests(Checkpoints checkpoints)
{
    /// <summary>The largest root mean square of the differences of one evaluation, as a share of that of the exported graph's output.</summary>
    private const double Tolerance = 0.01;

    public static TheoryData<string, bool> Models => NetworkTests.Models;

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_graph_is_close_to_the_exported_one_and_takes_and_gives_float32(string model, bool isPortable)
    {
        using var folder = new TemporaryFolder();
        string imported = Import(model, folder, isPortable);
        foreach (string exported in Directory.GetFiles(Path.Combine(Checkpoints.Exported, model), "model.onnx", SearchOption.AllDirectories))
        {
            string part = Path.GetFileName(Path.GetDirectoryName(exported)!), file = Path.Combine(imported, part, "model.onnx");
            using InferenceSession expected = GraphRun.Open(exported), actual = GraphRun.Open(file);
            Assert.All(
                actual.InputMetadata.Values.Concat(actual.OutputMetadata.Values),
                value => Assert.NotEqual(TensorElementType.Float16, value.ElementDataType));
            Dictionary<string, OrtValue> inputs = GraphInputs.Create(expected, 1);
            Dictionary<string, (long[] Shape, float[] Values)> results = GraphRun.Run(actual, inputs);
            Assert.All(GraphRun.Run(expected, inputs), output => Assert.InRange(
                GraphRun.RelativeDifference(output.Value.Values, results[output.Key].Values), 0, Tolerance));
        }
    }

    [Theory]
    [InlineData("tiny-sd15", null, true)]
    [InlineData("tiny-sd15", true, true)]
    [InlineData("tiny-sdxl", null, false)]
    [InlineData("tiny-sdxl", true, false)]
    [InlineData("tiny-sdxl", false, true)]
    public void Weights_are_halves_except_those_of_autoencoders_whose_values_can_exceed_the_range(string model, bool? upcasts, bool isHalf)
    {
        using var folder = new TemporaryFolder();
        string source = folder.Combine("source");
        Checkpoints.Copy(checkpoints.Folder(model), source);
        string config = Path.Combine(source, "vae", "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        json.Remove("force_upcast");
        if (upcasts is { } isUpcast)
        {
            json["force_upcast"] = isUpcast;
        }
        File.WriteAllText(config, json.ToJsonString());
        string imported = Import(source, folder.Combine("imported"), false, out IReadOnlyList<string> notes);

        Assert.Equal(!isHalf, notes.Contains("the autoencoder stays in float32: its values can exceed the range of float16"));
        foreach (string file in Directory.GetFiles(imported, "model.onnx", SearchOption.AllDirectories))
        {
            bool isAutoencoder = file.Contains("vae_", StringComparison.Ordinal);
            OnnxInitializer[] weights =
                [.. OnnxStructure.Read(file).Initializers.Where(weight => weight.Name.EndsWith(".weight", StringComparison.Ordinal))];
            Assert.NotEmpty(weights);
            Assert.All(
                weights,
                weight => Assert.Equal(isAutoencoder && !isHalf ? OnnxInitializer.Float32 : OnnxInitializer.Float16, weight.Type));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sums_of_T5_that_exceed_the_range_are_computed_in_float32(bool isPortable)
    {
        using var folder = new TemporaryFolder();
        string source = WithLargeProducts(folder.Combine("source"), 10_000);
        string imported = Import(source, folder.Combine("imported"), isPortable, out _);

        using InferenceSession session = GraphRun.Open(WithAllValues(Path.Combine(imported, "text_encoder_3", "model.onnx")));
        Dictionary<string, OrtValue> inputs = GraphInputs.Create(session, 1);
        string[] names = [.. session.OutputMetadata.Keys];
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> results = session.Run(options, [.. inputs.Keys], [.. inputs.Values], names);
        float largest = 0;
        int halves = 0;
        foreach ((string name, OrtValue value) in names.Zip(results))
        {
            switch (value.GetTensorTypeAndShape().ElementDataType)
            {
                case TensorElementType.Float:
                    largest = Math.Max(largest, TensorPrimitives.MaxMagnitude(value.GetTensorDataAsSpan<float>()));
                    break;
                case TensorElementType.Float16:
                    halves++;
                    Assert.All(value.GetTensorDataAsSpan<Float16>().ToArray(), number => Assert.True(Float16.IsFinite(number), name));
                    break;
            }
        }
        Assert.InRange(halves, 10, int.MaxValue);
        Assert.True(largest > (float)Half.MaxValue, $"no value exceeds the range: {largest}");
    }

    [Fact]
    public void A_weight_beyond_the_range_is_named()
    {
        using var folder = new TemporaryFolder();
        string source = WithLargeProducts(folder.Combine("source"), 100_000_000);
        var refused = Assert.Throws<ModelException>(() => Import(source, folder.Combine("imported"), false, out _));
        Assert.Matches(@"encoder\.block\.0\.layer\.1\.DenseReluDense\.wo\.weight has the element -?\d+, beyond float16", refused.Message);
        Assert.Equal(["source"], Directory.GetFileSystemEntries(folder.FullPath).Select(Path.GetFileName));
    }

    /// <summary>Copies a model with a T5 encoder, the last products of whose blocks are a multiple of what they were.</summary>
    private string WithLargeProducts(string folder, float factor)
    {
        Checkpoints.Copy(checkpoints.Folder("tiny-sd3"), folder);
        string file = Path.Combine(folder, "text_encoder_3", "model.safetensors");
        var tensors = new List<(string, float[], int[])>();
        using (var weights = WeightSet.OpenFile(file))
        {
            foreach (StoredTensor tensor in weights.Tensors.Values)
            {
                float[] values = weights.Read(tensor);
                bool isLast = tensor.Name.EndsWith(".wo.weight", StringComparison.Ordinal);
                tensors.Add((tensor.Name, isLast ? Array.ConvertAll(values, value => value * factor) : values, [.. tensor.Shape]));
            }
        }
        MadeUpUpscaler.WriteSafetensors(file, tensors);
        return folder;
    }

    /// <summary>Writes a graph that gives every value that it computes.</summary>
    private static string WithAllValues(string file)
    {
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(file));
        HashSet<string> given = [.. model.Graph.Output.Select(output => output.Name)];
        model.Graph.Output.Add(model.Graph.Node.SelectMany(node => node.Output).Where(given.Add).Select(name => new ValueInfoProto { Name = name }));
        string changed = Path.Combine(Path.GetDirectoryName(file)!, "all.onnx");
        File.WriteAllBytes(changed, model.ToByteArray());
        return changed;
    }

    private string Import(string model, TemporaryFolder folder, bool isPortable) =>
        Import(checkpoints.Folder(model), folder.Combine(model), isPortable, out _);

    private static string Import(string source, string folder, bool isPortable, out IReadOnlyList<string> notes)
    {
        using var checkpoint = CheckpointSource.Open(source, new ImportSettings(null, new GraphOptions(isPortable) { UsesFloat16 = true }));
        ImportWriter.Write(checkpoint, folder, null, TestContext.Current.CancellationToken);
        notes = checkpoint.Notes;
        return folder;
    }
}
