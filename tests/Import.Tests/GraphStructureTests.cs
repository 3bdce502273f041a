using Brownian.Formats.Onnx;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;

namespace Brownian.Import.Tests;

/// <summary>Weights are stored as the checkpoint has them, and are used as they are stored.</summary>
public sealed class GraphStructureTests(Checkpoints checkpoints)
{
    [Theory]
    [InlineData("tiny-sd15", false)]
    [InlineData("tiny-sd15", true)]
    [InlineData("tiny-sd3", false)]
    [InlineData("tiny-sd3", true)]
    [InlineData("tiny-karlo", false)]
    [InlineData("tiny-karlo", true)]
    public void No_weight_is_transposed_or_copied_when_a_graph_is_loaded(string model, bool isPortable)
    {
        using var folder = new TemporaryFolder();
        string imported = folder.Combine(model);
        using (var source = CheckpointSource.Open(checkpoints.Folder(model), new ImportSettings(null, new GraphOptions(isPortable))))
        {
            ImportWriter.Write(source, imported, null, TestContext.Current.CancellationToken);
        }
        int matrices = 0;
        foreach (string file in Directory.GetFiles(imported, "model.onnx", SearchOption.AllDirectories))
        {
            var graph = OnnxStructure.Read(file);
            Assert.Equal(isPortable, graph.Nodes.All(node => node.Operator is not ("FusedMatMul" or "MultiHeadAttention" or "QuickGelu")));
            foreach (OnnxInitializer weight in graph.Initializers.Where(weight => weight.Name.EndsWith(".weight", StringComparison.Ordinal)))
            {
                OnnxNode[] users = [.. graph.Nodes.Where(node => node.Inputs.Contains(weight.Name))];
                Assert.NotEmpty(users);
                Assert.DoesNotContain(users, node => node.Operator is "Transpose" or "Reshape" or "Cast" or "Unsqueeze");
                OnnxNode[] products = [.. users.Where(node => node.Operator is "MatMul" or "Gemm" or "FusedMatMul")];
                Assert.All(products, node => Assert.True(node.TransposesB && node.Inputs[1] == weight.Name, node.Name));
                matrices += products.Length;
                // Mapped into memory: at the beginning of a page of a file of its own.
                if (weight.Count >= 1024)
                {
                    Assert.Equal("model.onnx_data", weight.External!["location"]);
                    Assert.Equal(0, long.Parse(weight.External["offset"], CultureInfo.InvariantCulture) % 4096);
                }
            }
        }
        Assert.InRange(matrices, 10, int.MaxValue);
    }
}
