using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Models.Plans;
using Brownian.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Workers.Tests;

/// <summary>A batch job among newer interactive ones.</summary>
public sealed class WaitTests(RealServers servers) : IDisposable
{
    private const int Newer = 12;

    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, 0, 1)]
    [InlineData(true, 0, 1)]
    [InlineData(false, 3600, Newer)]
    [InlineData(true, 3600, Newer)]
    public async Task A_batch_job_waits_for_newer_interactive_jobs_only_until_the_bound(bool cluster, int bound, int first)
    {
        string model = _stubs.Add();
        string[] stores = cluster ? await servers.SettingsAsync() : ["Ephemeral=true"];
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), .. stores, $"MaxWaitSeconds={bound}"]);
        string denoiser = node.Services.GetServices<StageWorker>().Single(worker => worker.Role == WorkerRole.Denoiser).Id;
        await node.Client.Workers.PauseAsync(new WorkerRequest { Id = denoiser }, cancellationToken: Stop);
        await Eventually.TrueAsync(
            async () => (await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers.Any(
                worker => worker.Id == denoiser && worker.State == "paused"), "the denoiser pauses");
        string batch = await SubmitAsync(node, model, 0, "batch");
        var newer = new List<string>();
        for (ulong seed = 1; seed <= Newer; seed++)
        {
            newer.Add(await SubmitAsync(node, model, seed, "interactive"));
        }
        // The stream is steady: whenever the denoiser takes a stage, newer jobs wait.
        IJobStore store = node.Services.GetRequiredService<IJobStore>();
        IStageQueues queues = node.Services.GetRequiredService<IStageQueues>();
        foreach ((JobPriority priority, long count) in ((JobPriority, long)[])[(JobPriority.Batch, 1), (JobPriority.Interactive, Newer)])
        {
            string queue = new StageQueue(StageKind.Denoise, model, priority).Name;
            await Eventually.TrueAsync(
                async () => (await store.WaitingAsync(Stop)).GetValueOrDefault(queue) == count && await queues.ReadyAsync(queue, Stop) == count,
                "all wait for the denoiser");
        }

        await node.Client.Workers.ResumeAsync(new WorkerRequest { Id = denoiser }, cancellationToken: Stop);

        DateTimeOffset taken = await TakenAsync(node, batch);
        DateTimeOffset[] others = await Task.WhenAll(newer.Select(id => TakenAsync(node, id)));
        int before = others.Count(time => time < taken);
        Assert.True(bound == 0 ? before <= first : before == first, $"{before} newer jobs went first");
    }

    public void Dispose() => _stubs.Dispose();

    private static async Task<string> SubmitAsync(Node node, string model, ulong seed, string priority)
    {
        GenerateRequest request = Stubs.Request(model, seed, steps: 1);
        request.Priority = priority;
        return (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
    }

    /// <summary>The time at which a job's denoising began.</summary>
    private static async Task<DateTimeOffset> TakenAsync(Node node, string id)
    {
        using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Watch(
            new WatchJobRequest { Id = id }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        DateTimeOffset? taken = null;
        while (await call.ResponseStream.MoveNext(Stop))
        {
            if (call.ResponseStream.Current.StageStarted is { Stage: "denoise" })
            {
                taken = call.ResponseStream.Current.Time.ToDateTimeOffset();
            }
        }
        return taken ?? throw new InvalidOperationException($"job {id} was not denoised");
    }
}
