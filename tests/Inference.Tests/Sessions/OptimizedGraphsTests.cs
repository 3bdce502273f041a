using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Catalog;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Tests.Sessions;

public sealed class OptimizedGraphsTests : IDisposable, IProgress<OptimizedGraph>
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<OptimizedGraph> _made = [];
    private readonly string _graph;

    public OptimizedGraphsTests()
    {
        GraphFile decoder = GoldenData.Model("tiny-sd15").Require("vae_decoder");
        Directory.CreateDirectory(_folder.Combine("vae_decoder"));
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(decoder.File)!))
        {
            File.Copy(file, _folder.Combine("vae_decoder", Path.GetFileName(file)));
        }
        _graph = _folder.Combine("vae_decoder", Path.GetFileName(decoder.File));
    }

    private string Cache => _folder.Combine("optimized");

    [Fact]
    public void A_form_is_made_once_and_gives_the_same_bits()
    {
        float[] plain = Decode(null), first = Decode(new OptimizedGraphs(Cache, makes: true, this));
        OptimizedGraph made = Assert.Single(_made);
        float[] second = Decode(new OptimizedGraphs(Cache, makes: true, this)), used = Decode(new(Cache, makes: false, this));

        Assert.Equal(plain, first);
        Assert.Equal(plain, second);
        Assert.Equal(plain, used);
        Assert.Single(_made);
        Assert.Equal(_graph, made.File);
        Assert.Equal(Cache, Path.GetDirectoryName(made.Folder));
        Assert.True(made.Bytes > new FileInfo(_graph).Length / 2);
        Assert.Equal([made.Folder], Directory.GetDirectories(Cache));
    }

    [Fact]
    public void None_is_made_unless_that_is_asked_for()
    {
        Decode(new OptimizedGraphs(Cache, makes: false, this));
        Assert.Empty(_made);
        Assert.False(Directory.Exists(Cache));
    }

    [Fact]
    public void Changed_weights_have_a_form_of_their_own()
    {
        var forms = new OptimizedGraphs(Cache, makes: true, this);
        float[] before = Decode(forms);
        // The same length and time, so that only the content tells.
        DateTime time = File.GetLastWriteTimeUtc(_graph);
        byte[] bytes = File.ReadAllBytes(_graph);
        // Most of the file is weights; the lowest bits of some change.
        for (int i = bytes.Length / 2; i < (bytes.Length / 2) + 4096; i++)
        {
            bytes[i] ^= 1;
        }
        File.WriteAllBytes(_graph, bytes);
        File.SetLastWriteTimeUtc(_graph, time);

        float[] after = Decode(forms);
        Assert.Equal(Decode(null), after);
        Assert.NotEqual(before, after);
    }

    [Fact]
    public void A_damaged_form_is_replaced()
    {
        var forms = new OptimizedGraphs(Cache, makes: true, this);
        float[] plain = Decode(forms);
        File.WriteAllText(Path.Combine(_made[0].Folder, "model.onnx"), "damaged");

        Assert.Equal(plain, Decode(forms));
        Assert.Empty(Directory.GetDirectories(Cache));
        Assert.Equal(plain, Decode(forms));
        Assert.Equal(2, _made.Count);
    }

    [Fact]
    public void The_form_with_adapters_is_found_by_their_key_before_weights_are_merged_wherever_the_merged_weights_were()
    {
        var settings = new SessionSettings(Threads: 1) { Optimized = new OptimizedGraphs(Cache, makes: true, this) };
        GraphFile encoder = GoldenData.Model("tiny-sd15").Require("text_encoder");
        AdapterSet set = GoldenData.Adapters(GoldenData.Case("lora-sd15-text-encoder"));
        int merges = 0;
        for (int i = 0; i < 3; i++)
        {
            // The merged weights are in another temporary folder every time.
            OnnxGraph.Load(encoder.File, set.KeyOf("text_encoder")!, Patch, settings).Dispose();
            Assert.Equal((1, 1), (merges, _made.Count));
        }
        OnnxGraph.Load(encoder.File, settings).Dispose();
        Assert.Equal((1, 2), (merges, _made.Count));
        OnnxGraph.Load(encoder.File, "other", Patch, settings).Dispose();
        Assert.Equal((2, 3), (merges, _made.Count));

        PatchedGraph Patch()
        {
            merges++;
            return set.Patch("text_encoder", GraphWeights.Read(encoder.File), inlineLimit: 0);
        }
    }

    [Fact]
    public void Forms_that_are_not_used_are_pruned()
    {
        var forms = new OptimizedGraphs(Cache, makes: true, this);
        Decode(forms);
        Directory.SetLastWriteTimeUtc(_made[0].Folder, DateTime.UtcNow.AddDays(-10));
        Decode(forms);
        Assert.Empty(CacheEntries.Prune(Cache, DateTime.UtcNow.AddDays(-5)));
        Directory.SetLastWriteTimeUtc(_made[0].Folder, DateTime.UtcNow.AddDays(-10));
        Assert.Equal([(_made[0].Folder, _made[0].Bytes)], CacheEntries.Prune(Cache, DateTime.UtcNow.AddDays(-5)));
    }

    [Fact]
    public void What_cannot_be_kept_is_named()
    {
        File.WriteAllText(Cache, "a file, not a folder");
        ModelException exception = Assert.Throws<ModelException>(() => Decode(new OptimizedGraphs(Cache, makes: true, this)));
        Assert.Contains($"the optimised form of {_graph} cannot be kept in {Cache}", exception.Message, StringComparison.Ordinal);
    }

    void IProgress<OptimizedGraph>.Report(OptimizedGraph value) => _made.Add(value);

    public void Dispose() => _folder.Dispose();

    private float[] Decode(OptimizedGraphs? forms)
    {
        using OnnxGraph graph = OnnxGraph.Load(_graph, new SessionSettings(Threads: 1) { Optimized = forms });
        GraphTensor input = graph.Inputs[0];
        using var sample = new BoundTensor(input.Dtype, 1, input.Fixed(1) ?? 4, 8, 8);
        for (int i = 0; i < sample.Values.Length; i++)
        {
            sample.Values[i] = MathF.Sin(i);
        }
        using var run = new TerminableRun(TestContext.Current.CancellationToken);
        return run.Execute(options =>
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs = graph.Session.Run(
                options, new Dictionary<string, OrtValue> { [input.Name] = sample.Value }, [graph.Outputs[0].Name]);
            return outputs[0].GetTensorDataAsSpan<float>().ToArray();
        });
    }
}
