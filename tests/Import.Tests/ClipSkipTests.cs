using System.Text.Json.Nodes;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>The layers of a text encoder that <c>clip_skip</c> uses.</summary>
public sealed class ClipSkipTests(Checkpoints checkpoints) : IClassFixture<Checkpoints>
{
    [Theory]
    [InlineData("tiny-sd15")]
    [InlineData("tiny-sd21")]
    public void An_earlier_layer_is_what_an_encoder_without_the_last_layers_returns(string model)
    {
        using var folder = new TemporaryFolder();
        string source = folder.Combine("checkpoint"), config = Path.Combine(source, "text_encoder", "config.json");
        Checkpoints.Copy(checkpoints.Folder(model), source);
        JsonObject stated = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        int layers = (int)stated["num_hidden_layers"]!;
        using InferenceSession whole = Import(source, folder.Combine("whole"));
        Dictionary<string, OrtValue> inputs = GraphInputs.Create(whole, 1);
        Dictionary<string, (long[] Shape, float[] Values)> outputs = GraphRun.Run(whole, inputs);
        Assert.True(layers > 1);
        for (int skip = 1; skip < layers; skip++)
        {
            stated["num_hidden_layers"] = layers - skip;
            File.WriteAllText(config, stated.ToJsonString());
            using InferenceSession shorter = Import(source, folder.Combine($"without-{skip}"));
            Assert.Equal(GraphRun.Run(shorter, inputs)["last_hidden_state"].Values, outputs[$"normed_hidden_states.{layers - skip}"].Values);
        }
    }

    private static InferenceSession Import(string source, string folder)
    {
        using (var checkpoint = CheckpointSource.Open(source, new ImportSettings(null, new GraphOptions())))
        {
            ImportWriter.Write(checkpoint, folder, null, TestContext.Current.CancellationToken);
        }
        return GraphRun.Open(Path.Combine(folder, "text_encoder", "model.onnx"));
    }
}
