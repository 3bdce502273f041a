using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Brownian.Workers.Tests;

/// <summary>Workers that take the stages of some classes until their queues are empty.</summary>
public sealed class DrainTests(RealServers servers) : IDisposable
{
    private static readonly WorkerRole Everything = new("everything", ["text-encode", "denoise", "vae-decode", "write"]);

    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_process_ends_without_an_error_when_the_queues_of_its_classes_are_empty(int devices)
    {
        string model = _stubs.Add();
        string[] cluster = await servers.SettingsAsync();
        await using Node gateway = await StartGatewayAsync(model, cluster);
        string interactive = await SubmitAsync(gateway, model, 0, "interactive");
        string[] batch = await Task.WhenAll(Enumerable.Range(1, 3).Select(seed => SubmitAsync(gateway, model, (ulong)seed, "batch")));

        await using Node node = await StartDrainingAsync(model, cluster, devices);
        await Eventually.TrueAsync(
            () => Task.FromResult(node.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested),
            "the process stops");

        Assert.Null(node.Services.GetRequiredService<ProcessEnd>().Error);
        foreach (string id in batch)
        {
            Assert.Equal(JobState.Done, (await GetAsync(gateway, id)).State);
        }
        Assert.Equal(JobState.Queued, (await GetAsync(gateway, interactive)).State);

        // Another worker takes what the process left.
        await using Node other = await StartAsync(model, cluster);
        await Eventually.TrueAsync(async () => (await GetAsync(gateway, interactive)).State == JobState.Done, "the interactive job is done");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_process_whose_workers_are_drained_before_their_queues_are_empty_ends_with_an_error(int devices)
    {
        string model = _stubs.Add();
        string[] cluster = await servers.SettingsAsync();
        await using Node gateway = await StartGatewayAsync(model, cluster);
        for (int seed = 0; seed <= devices; seed++)
        {
            await SubmitAsync(gateway, model, (ulong)seed, "batch", steps: 900);
        }
        await using Node node = await StartDrainingAsync(model, cluster, devices);
        await Eventually.TrueAsync(
            () => Task.FromResult(node.Services.GetServices<StageWorker>().All(worker => worker.Busy > 0)), "every worker has a stage");

        foreach (StageWorker worker in node.Services.GetServices<StageWorker>())
        {
            await gateway.Client.Workers.DrainAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Stop);
        }
        await Eventually.TrueAsync(
            () => Task.FromResult(node.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested),
            "the process stops");
        await node.StopAsync();
        Assert.Contains("was stopped before its queues were empty", node.Services.GetRequiredService<ProcessEnd>().Error, StringComparison.Ordinal);
    }

    public void Dispose() => _stubs.Dispose();

    /// <summary>Starts a gateway that accepts jobs for a model: a worker has published it.</summary>
    private async Task<Node> StartGatewayAsync(string model, string[] cluster)
    {
        Node gateway = await Node.StartAsync(
            static platform => platform.AddGateway(), ServiceRole.Gateway, [.. _stubs.Settings(model), .. cluster]);
        await using (await StartAsync(model, cluster))
        {
        }
        return gateway;
    }

    /// <summary>Starts a process that takes batch jobs until there are none.</summary>
    private Task<Node> StartDrainingAsync(string model, string[] cluster, int devices) => StartAsync(
        model, [.. cluster, "Drain=true", "Priorities:0=batch", .. Enumerable.Range(0, devices).Select(i => $"Devices:{i}=cpu")]);

    private Task<Node> StartAsync(string model, IEnumerable<string> settings) => Node.StartAsync(
        static platform => platform.AddWorker(Everything), ServiceRole.Denoiser, [.. _stubs.Settings(model), .. settings]);

    private static async Task<string> SubmitAsync(Node node, string model, ulong seed, string priority, int steps = 1)
    {
        GenerateRequest request = Stubs.Request(model, seed, steps);
        request.Priority = priority;
        return (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
    }

    private static async Task<Job> GetAsync(Node node, string id) =>
        await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
}
