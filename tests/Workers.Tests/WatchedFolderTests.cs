using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Inference.Tests.Models;
using Brownian.Jobs.Catalog;
using Brownian.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers.Tests;

/// <summary>Models that come and go in a folder while workers run.</summary>
public sealed class WatchedFolderTests(RealServers servers) : IDisposable
{
    /// <summary>A role that takes all stages of a job, one after the other.</summary>
    private static readonly Action<PlatformBuilder> Everything =
        static platform => platform.AddWorker(new WorkerRole("everything", ["text-encode", "denoise", "vae-decode", "write"]));

    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _watched = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_model_that_appears_is_served_and_one_that_is_gone_is_not(bool isCluster)
    {
        string named = _stubs.Add(), early = _stubs.Add(factor: 0.25f), late = _stubs.Add(factor: 0.75f);
        Dictionary<string, byte[][]> expected = [];
        foreach (string model in (string[])[named, early, late])
        {
            expected[model] = await _stubs.ExpectedAsync(Stubs.Request(model, 1));
        }
        Move(early);
        await using Nodes nodes = await StartAsync(named, isCluster);
        string[] workers = await WorkersAsync(nodes.Gateway);
        await ServedAsync(nodes.Gateway, early, true);
        Move(late);
        await ServedAsync(nodes.Gateway, late, true);
        foreach (string model in (string[])[named, early, late])
        {
            Assert.Equal(expected[model][0], await DrawAsync(nodes.Gateway, model));
        }

        Directory.Move(_watched.Combine(late), _stubs.Combine(late));
        await ServedAsync(nodes.Gateway, late, false);
        Job waiting = await nodes.Gateway.Client.Generation.SubmitAsync(Stubs.Request(late, 1), cancellationToken: Stop);
        Assert.Equal(expected[early][0], await DrawAsync(nodes.Gateway, early));
        Assert.Equal(
            JobState.Queued,
            (await nodes.Gateway.Client.Generation.GetAsync(new GetJobRequest { Id = waiting.Id }, cancellationToken: Stop)).State);

        Move(late);
        await Eventually.TrueAsync(
            async () => (await nodes.Gateway.Client.Generation.GetAsync(new GetJobRequest { Id = waiting.Id }, cancellationToken: Stop)).State
                == JobState.Done,
            "the job that waited is done");
        Assert.Equal(workers, await WorkersAsync(nodes.Gateway));
    }

    [Fact]
    public async Task A_model_that_is_replaced_is_served_with_its_new_files()
    {
        string named = _stubs.Add(), model = _stubs.Add(factor: 0.25f), other = _stubs.Add(factor: 0.75f);
        await using Nodes nodes = await StartAsync(named, isCluster: true);
        byte[][] before = await _stubs.ExpectedAsync(Stubs.Request(model, 1));
        Move(model);
        await ServedAsync(nodes.Gateway, model, true);
        Assert.Equal(before[0], await DrawAsync(nodes.Gateway, model));

        string fingerprint = (await CardAsync(nodes.Gateway, model))!.Fingerprint;
        Directory.Move(_stubs.Combine(other), _stubs.Combine(model));
        byte[][] after = await _stubs.ExpectedAsync(Stubs.Request(model, 1));
        Directory.Move(_watched.Combine(model), _stubs.Combine(other));
        Move(model);
        await Eventually.TrueAsync(
            async () => await CardAsync(nodes.Gateway, model) is { Served: true } card && card.Fingerprint != fingerprint,
            "the new files are served");
        Assert.NotEqual(before[0], after[0]);
        Assert.Equal(after[0], await DrawAsync(nodes.Gateway, model));
    }

    [Fact]
    public async Task A_model_that_cannot_be_served_is_told_and_hinders_no_other()
    {
        string named = _stubs.Add(), damaged = _stubs.Add(), whole = _stubs.Add();
        string graph = Directory.GetFiles(_stubs.Combine(damaged), "model.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
        string kept = graph + ".kept", part = Path.GetRelativePath(_stubs.Combine(damaged), graph);
        File.Move(graph, kept);
        await File.WriteAllTextAsync(graph, "no graph", Stop);
        var log = new LogLines();
        await using Nodes nodes = await StartAsync(named, isCluster: false, log);
        Move(damaged);
        // One with the name of a model of the settings: that one stays.
        new StubModel { Factor = 0.75f }.Save(_watched.Combine(named));
        Directory.CreateSymbolicLink(_watched.Combine("loop"), _watched.FullPath);
        string strange = _watched.Combine("strange", "unet");
        Directory.CreateDirectory(strange);
        await File.WriteAllTextAsync(_watched.Combine("strange", "model_index.json"), "[[", Stop);
        await File.WriteAllTextAsync(Path.Combine(strange, "model.onnx"), "", Stop);
        Move(whole);
        await ServedAsync(nodes.Gateway, whole, true);
        await LoggedAsync(log, "strange in the watched folder is not served: ");
        await LoggedAsync(log, $"{damaged} in the watched folder is not served: {_watched.Combine(damaged, part)} cannot be loaded");
        await LoggedAsync(log, $"{named} in the watched folder is not served: Two model folders have the name {named}");
        await DrawAsync(nodes.Gateway, named);
        Assert.Null(await CardAsync(nodes.Gateway, damaged));

        File.Move(_watched.Combine(damaged, Path.GetRelativePath(_stubs.Combine(damaged), kept)), _watched.Combine(damaged, part), overwrite: true);
        await ServedAsync(nodes.Gateway, damaged, true);
        await DrawAsync(nodes.Gateway, damaged);
    }

    [Fact]
    public async Task A_model_that_the_settings_name_can_be_in_the_folder_too()
    {
        string named = _stubs.Add(), model = _stubs.Add();
        Move(named);
        Move(model);
        var log = new LogLines();
        await using Nodes nodes = await StartAsync(_watched.Combine(named), isCluster: false, log);
        await ServedAsync(nodes.Gateway, model, true);
        await DrawAsync(nodes.Gateway, named);
        Assert.DoesNotContain(log.Lines, line => line.Text.Contains("is not served", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_process_that_drains_its_queues_drains_those_of_the_watched_models()
    {
        string named = _stubs.Add(), model = _stubs.Add();
        Move(model);
        string[] cluster = await servers.SettingsAsync();
        await using Node gateway = await Node.StartAsync(
            static platform => platform.AddGateway(), ServiceRole.Gateway, [.. _stubs.Settings(named), .. cluster]);
        await using (await StartWorkerAsync(Everything, named, cluster))
        {
            await Eventually.TrueAsync(async () => await CardAsync(gateway, model) is not null, "the gateway knows the model");
        }
        Job waiting = await gateway.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop);

        await using Node node = await StartWorkerAsync(Everything, named, [.. cluster, "Drain=true"]);
        await Eventually.TrueAsync(
            () => Task.FromResult(node.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested),
            "the process stops");
        Job done = await gateway.Client.Generation.GetAsync(new GetJobRequest { Id = waiting.Id }, cancellationToken: Stop);
        Assert.Equal(JobState.Done, done.State);
    }

    public void Dispose()
    {
        _stubs.Dispose();
        _watched.Dispose();
    }

    private void Move(string model) => Directory.Move(_stubs.Combine(model), _watched.Combine(model));

    private async Task<Nodes> StartAsync(string named, bool isCluster, ILoggerProvider? log = null)
    {
        string[] settings = [.. _stubs.Settings(named), "WatchedFolder=" + _watched.FullPath];
        if (!isCluster)
        {
            return new Nodes(await Node.StartAsync(
                platform =>
                {
                    Node.Everything(platform);
                    Watch(platform, log);
                },
                ServiceRole.Gateway,
                [.. settings, "Ephemeral=true"]));
        }
        string[] cluster = await servers.SettingsAsync();
        Node worker = await StartWorkerAsync(Node.Workers, named, cluster);
        return new Nodes(
            await Node.StartAsync(static platform => platform.AddGateway(), ServiceRole.Gateway, [.. _stubs.Settings(named), .. cluster]), worker);
    }

    private Task<Node> StartWorkerAsync(Action<PlatformBuilder> add, string named, IEnumerable<string> settings) => Node.StartAsync(
        platform =>
        {
            add(platform);
            Watch(platform, null);
        },
        ServiceRole.Denoiser,
        [.. _stubs.Settings(named), "WatchedFolder=" + _watched.FullPath, .. settings]);

    /// <summary>Reads the folder more often than a service does.</summary>
    private static void Watch(PlatformBuilder platform, ILoggerProvider? log)
    {
        platform.Services.Replace(ServiceDescriptor.Singleton(
            new WatchSettings(platform.Options.WatchedFolder, null) { Every = TimeSpan.FromMilliseconds(50) }));
        if (log is not null)
        {
            platform.Services.AddSingleton(log);
        }
    }

    private static async Task<Model?> CardAsync(Node node, string model) =>
        (await node.Client.Models.ListAsync(new ListModelsRequest(), cancellationToken: Stop)).Models.FirstOrDefault(card => card.Name == model);

    private static Task ServedAsync(Node node, string model, bool isServed) => Eventually.TrueAsync(
        async () => (await CardAsync(node, model))?.Served == isServed, $"{model} is {(isServed ? "" : "not ")}served");

    private static Task LoggedAsync(LogLines log, string text) => Eventually.TrueAsync(
        () => Task.FromResult(log.Lines.Any(line => line.Text.Contains(text, StringComparison.Ordinal))), $"\"{text}\" is logged");

    private static async Task<string[]> WorkersAsync(Node node) =>
        [.. (await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers.Select(worker => worker.Id)];

    /// <summary>Makes an image, and returns its file.</summary>
    private static async Task<byte[]> DrawAsync(Node node, string model)
    {
        using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Generate(
            Stubs.Request(model, 1), deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        string? id = null;
        while (await call.ResponseStream.MoveNext(Stop))
        {
            id = call.ResponseStream.Current.Artifact?.Id ?? id;
        }
        return await node.Client.GetArtifactAsync(id!, Stop);
    }

    /// <summary>A gateway, and where it is a cluster its workers.</summary>
    private sealed record Nodes(Node Gateway, Node? Workers = null) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            await (Workers?.DisposeAsync() ?? default);
        }
    }
}
