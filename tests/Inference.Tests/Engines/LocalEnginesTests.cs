using Brownian.Formats.Files;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Engines;

/// <summary>Engines of several models in one process.</summary>
public sealed class LocalEnginesTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_least_recently_used_idle_graph_is_unloaded_when_memory_is_short()
    {
        using var folder = new TemporaryFolder();
        ModelFolder[] models = [.. ((string[])["a", "b", "c"]).Select(name => ModelFolder.Open(new StubModel().Save(folder.Combine(name))))];
        long encoder = new FileInfo(models[0].Require("text_encoder").File).Length;
        using var engines = new LocalEngines(models, new SessionSettings(Threads: 1), memoryLimit: 2 * encoder);

        (await engines.TextEncoderAsync("a", null, Stop)).Dispose();
        EngineLease<ITextEncoder> used = await engines.TextEncoderAsync("b", null, Stop);
        (await engines.TextEncoderAsync("c", null, Stop)).Dispose();
        Assert.Equal(["b", "c"], engines.Loaded.Select(graph => graph.Model).Order());
        // The graph in use stays although it was used longest ago.
        (await engines.TextEncoderAsync("a", null, Stop)).Dispose();
        Assert.Equal(["a", "b"], engines.Loaded.Select(graph => graph.Model).Order());
        Assert.NotEmpty((await used.Engine.EncodeAsync("ab", Stop)).Prompt.Ids);
        used.Dispose();
    }

    [Fact]
    public async Task A_model_that_is_added_again_is_loaded_again_and_a_lease_of_its_old_graph_stays_usable()
    {
        using var folder = new TemporaryFolder();
        using var engines = new LocalEngines([], new SessionSettings(Threads: 1));
        var model = ModelFolder.Open(new StubModel().Save(folder.Combine("a")));
        engines.Add(model);
        Assert.Throws<ModelException>(() => engines.Add(model));
        string before = await engines.FingerprintAsync("a");
        EngineLease<ITextEncoder> old = await engines.TextEncoderAsync("a", before, Stop);

        engines.Withdraw("a");
        Assert.Empty(engines.Models);
        // A stage that began with the model can still use it.
        (await engines.TextEncoderAsync("a", before, Stop)).Dispose();
        Directory.Delete(folder.Combine("a"), recursive: true);
        engines.Add(ModelFolder.Open(new StubModel { Factor = 0.75f }.Save(folder.Combine("a"))));

        Assert.Equal(["a"], engines.Models);
        Assert.NotEqual(before, await engines.FingerprintAsync("a"));
        await Assert.ThrowsAsync<ModelException>(() => engines.TextEncoderAsync("a", before, Stop));
        Assert.Empty(engines.Loaded);
        Assert.NotEmpty((await old.Engine.EncodeAsync("ab", Stop)).Prompt.Ids);
        using (EngineLease<ITextEncoder> fresh = await engines.TextEncoderAsync("a", null, Stop))
        {
            Assert.NotSame(old.Engine, fresh.Engine);
        }
        old.Dispose();
        engines.Dispose();
        Assert.True(engines.IsSettled);
    }

    [Fact]
    public async Task A_load_that_failed_after_its_caller_left_is_repeated_for_the_next_caller()
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("a")));
        string graph = model.Require("text_encoder").File, aside = graph + ".aside";
        using var engines = new LocalEngines([model], new SessionSettings(Threads: 1));
        // The fingerprint reads the files once, while they are valid.
        await engines.FingerprintAsync("a");
        File.Move(graph, aside);
        await File.WriteAllTextAsync(graph, "no graph", Stop);
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnThrown(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs thrown)
        {
            if (thrown.Exception is not OperationCanceledException && thrown.Exception.Message.Contains(folder.FullPath, StringComparison.Ordinal))
            {
                failed.TrySetResult();
            }
        }
        AppDomain.CurrentDomain.FirstChanceException += OnThrown;
        try
        {
            await Assert.ThrowsAnyAsync<Exception>(() => engines.TextEncoderAsync("a", null, new CancellationToken(canceled: true)));
            await failed.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        }
        finally
        {
            AppDomain.CurrentDomain.FirstChanceException -= OnThrown;
        }
        File.Move(aside, graph, overwrite: true);

        using EngineLease<ITextEncoder> encoder = await engines.TextEncoderAsync("a", null, Stop);
        Assert.NotEmpty((await encoder.Engine.EncodeAsync("ab", Stop)).Prompt.Ids);
    }

    [Fact]
    public async Task A_fingerprint_that_could_not_be_computed_is_computed_again()
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("a")));
        using var engines = new LocalEngines([model], new SessionSettings(Threads: 1));
        Directory.Move(folder.Combine("a"), folder.Combine("aside"));
        await Assert.ThrowsAnyAsync<Exception>(() => engines.FingerprintAsync("a"));

        Directory.Move(folder.Combine("aside"), folder.Combine("a"));

        Assert.NotEmpty(await engines.FingerprintAsync("a"));
    }

    [Fact]
    public async Task Unloading_disposes_idle_graphs_at_once_and_keeps_those_in_use()
    {
        // Many graphs, so that disposal by another thread would be noticed.
        const int Idle = 24;
        using var folder = new TemporaryFolder();
        ModelFolder[] models = [.. Enumerable.Range(0, Idle + 1).Select(i => ModelFolder.Open(new StubModel().Save(folder.Combine($"model{i}"))))];
        using var engines = new LocalEngines(models, new SessionSettings(Threads: 1));
        EngineLease<ITextEncoder> used = await engines.TextEncoderAsync("model0", null, Stop);
        var idle = new List<ITextEncoder>();
        foreach (ModelFolder model in models.Skip(1))
        {
            using EngineLease<ITextEncoder> lease = await engines.TextEncoderAsync(model.Name, null, Stop);
            idle.Add(lease.Engine);
        }

        engines.Unload();

        // The next graph is loaded into the memory of these, not in addition to them.
        foreach (ITextEncoder gone in idle.AsEnumerable().Reverse())
        {
            await Assert.ThrowsAnyAsync<InvalidOperationException>(() => gone.EncodeAsync("ab", Stop));
        }
        Assert.Equal(["model0"], engines.Loaded.Select(graph => graph.Model));
        Assert.NotEmpty((await used.Engine.EncodeAsync("ab", Stop)).Prompt.Ids);
        used.Dispose();
    }

    [Fact]
    public async Task A_text_encoder_that_two_folders_link_to_is_loaded_once()
    {
        using var folder = new TemporaryFolder();
        string first = GoldenData.Model("tiny-if").FolderPath, second = GoldenData.Model("tiny-if-sr").FolderPath;
        string linked = folder.Combine("linked"), copied = folder.Combine("copied"), other = folder.Combine("other");
        foreach (string model in (string[])[linked, copied, other])
        {
            Directory.CreateDirectory(model);
            foreach (string part in Directory.GetDirectories(second).Select(part => Path.GetFileName(part)).Where(part => part != "text_encoder"))
            {
                Directory.CreateSymbolicLink(Path.Combine(model, part), Path.Combine(second, part));
            }
        }
        Directory.CreateSymbolicLink(Path.Combine(linked, "text_encoder"), Path.Combine(first, "text_encoder"));
        Directory.CreateDirectory(Path.Combine(copied, "text_encoder"));
        foreach (string file in Directory.GetFiles(Path.Combine(first, "text_encoder")))
        {
            File.Copy(file, Path.Combine(copied, "text_encoder", Path.GetFileName(file)));
        }
        // The same graph, with another tokenizer.
        Directory.CreateSymbolicLink(Path.Combine(other, "text_encoder"), Path.Combine(first, "text_encoder"));
        Directory.Delete(Path.Combine(other, "tokenizer"));
        Directory.CreateDirectory(Path.Combine(other, "tokenizer"));
        foreach (string file in Directory.GetFiles(Path.Combine(second, "tokenizer")))
        {
            File.Copy(file, Path.Combine(other, "tokenizer", Path.GetFileName(file)));
        }
        File.AppendAllText(Path.Combine(other, "tokenizer", "tokenizer_config.json"), " ");
        using var engines = new LocalEngines(
            [GoldenData.Model("tiny-if"), .. ((string[])[linked, copied, other]).Select(model => ModelFolder.Open(model))],
            new SessionSettings(Threads: 1));

        var encodings = new List<float[]>();
        foreach (string model in (string[])["tiny-if", "linked", "copied", "other"])
        {
            using EngineLease<ITextEncoder> encoder = await engines.TextEncoderAsync(model, null, Stop);
            encodings.Add((await encoder.Engine.EncodeAsync("a red cat", Stop)).Features.Embedding.Values);
        }

        Assert.Equal(["copied", "linked", "other"], engines.Loaded.Select(graph => graph.Model).Order(StringComparer.Ordinal));
        Assert.All(encodings, values => Assert.Equal(encodings[0], values));
    }

    [Fact]
    public async Task Another_fingerprint_is_refused_and_an_unknown_name_with_the_served_models()
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("a")));
        using var engines = new LocalEngines([model], new SessionSettings(Threads: 1));

        ModelException other = await Assert.ThrowsAsync<ModelException>(() => engines.DenoiserAsync("a", new string('0', 64), Stop));
        ModelException unknown = await Assert.ThrowsAsync<ModelException>(() => engines.DenoiserAsync("b", null, Stop));
        (await engines.DenoiserAsync("a", await engines.FingerprintAsync("a"), Stop)).Dispose();

        Assert.Contains("other files", other.Message, StringComparison.Ordinal);
        Assert.Contains("served: a", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fingerprint_changes_with_every_byte_and_file_name_in_the_folder()
    {
        using var folder = new TemporaryFolder();
        string first = new StubModel().Save(folder.Combine("a")), second = new StubModel().Save(folder.Combine("b"));
        string own = ModelFingerprint.Compute(ModelFolder.Open(first));
        Assert.Equal(own, ModelFingerprint.Compute(ModelFolder.Open(second)));
        await File.AppendAllTextAsync(Path.Combine(second, "tokenizer", "merges.txt"), " ", Stop);
        Assert.NotEqual(own, ModelFingerprint.Compute(ModelFolder.Open(second)));
        File.Copy(Path.Combine(first, "model_index.json"), Path.Combine(first, "another.json"));
        Assert.NotEqual(own, ModelFingerprint.Compute(ModelFolder.Open(first)));
    }
}
