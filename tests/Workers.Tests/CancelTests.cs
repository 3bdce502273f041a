using Brownian.Hosting;
using Brownian.Inference.Stages;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Plans;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Brownian.Workers.Tests;

/// <summary>After a cancellation at most one more evaluation starts, wherever the job is.</summary>
public sealed class CancelTests(RealServers servers) : IDisposable
{
    private readonly Stubs _stubs = new();
    private readonly CountingRunner _encode = new(StageKind.TextEncode);
    private readonly CountingRunner _denoise = new(StageKind.Denoise);
    private readonly CountingRunner _decode = new(StageKind.VaeDecode);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(StageKind.TextEncode, false)]
    [InlineData(StageKind.Denoise, false)]
    [InlineData(StageKind.VaeDecode, false)]
    [InlineData(StageKind.TextEncode, true)]
    [InlineData(StageKind.Denoise, true)]
    [InlineData(StageKind.VaeDecode, true)]
    public async Task A_job_cancelled_in_a_stage_starts_at_most_one_more_evaluation(string kind, bool cluster)
    {
        (Node node, JobService jobs, JobDefinition job) = await SubmitAsync(cluster);
        await using (node)
        {
            CountingRunner[] runners = [_encode, _denoise, _decode];
            CountingRunner runner = runners.Single(candidate => candidate.Kind == kind);
            foreach (CountingRunner earlier in runners.TakeWhile(candidate => candidate != runner))
            {
                earlier.Let(50);
            }
            for (int i = 0; i < 5; i++)
            {
                await runner.StartsAsync();
                runner.Let(1);
            }
            await runner.StartsAsync();
            Assert.Equal(1, WorkerExtensions.Running(node.Services));

            (StoredJob cancelled, bool ended) = (await jobs.CancelAsync(Tenant.Default, job.Id, Stop))!.Value;
            int started = runner.Started;
            runner.Let(50);

            Assert.True(ended);
            Assert.Equal(JobPhase.Cancelled, cancelled.Record.Phase);
            await IdleAsync(node);
            Assert.InRange(runner.Started - started, 0, 1);
            Assert.Equal(0, runners.SkipWhile(candidate => candidate != runner).Skip(1).Sum(later => later.Started));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_job_cancelled_between_stages_starts_no_evaluation(bool cluster)
    {
        (Node node, JobService jobs, JobDefinition job) = await SubmitAsync(cluster, pausedRole: "denoiser");
        await using (node)
        {
            _encode.Let(50);
            await foreach (V1.JobEvent item in jobs.WatchAsync(Tenant.Default, job.Id, 0, Stop))
            {
                if (item.StageCompleted is not null)
                {
                    break;
                }
            }
            Assert.True((await jobs.CancelAsync(Tenant.Default, job.Id, Stop))!.Value.Cancelled);
            await ResumeAsync(node, "denoiser");
            await IdleAsync(node);
            Assert.Equal(0, _denoise.Started);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_job_cancelled_at_its_end_is_either_cancelled_or_done_for_good(bool cluster)
    {
        for (int round = 0; round < 5; round++)
        {
            (Node node, JobService jobs, JobDefinition job) = await SubmitAsync(cluster);
            await using (node)
            {
                _encode.Let(50);
                _denoise.Let(50);
                _decode.Let(49);
                for (int i = 0; i < 50; i++)
                {
                    await _decode.StartsAsync();
                }
                Task<(StoredJob Job, bool Cancelled)?> cancelling = Task.Run(() => jobs.CancelAsync(Tenant.Default, job.Id, Stop));
                _decode.Let(1);
                (StoredJob ended, bool cancelled) = (await cancelling)!.Value;

                Assert.True(ended.Record.HasEnded);
                Assert.Equal(cancelled ? JobPhase.Cancelled : JobPhase.Done, ended.Record.Phase);
                await IdleAsync(node);
                Assert.Equal(ended.Record.Phase, (await jobs.FindAsync(Tenant.Default, job.Id, Stop))!.Record.Phase);
            }
        }
    }

    public void Dispose() => _stubs.Dispose();

    private static Task IdleAsync(Node node) =>
        Eventually.TrueAsync(
            () => Task.FromResult(WorkerExtensions.Running(node.Services) == 0), "the workers are idle");

    private static async Task ResumeAsync(Node node, string role) =>
        await node.Client.Workers.ResumeAsync(
            new V1.WorkerRequest { Id = node.Services.GetServices<StageWorker>().Single(worker => worker.Role.Name == role).Id },
            cancellationToken: Stop);

    private async Task<(Node Node, JobService Jobs, JobDefinition Job)> SubmitAsync(bool cluster, string? pausedRole = null)
    {
        string model = _stubs.Add();
        string[] where = cluster ? await servers.SettingsAsync() : ["Ephemeral=true"];
        Node node = await Node.StartAsync(
            platform =>
            {
                Node.Everything(platform);
                platform.Services.RemoveAll<StageRunnerFactory>();
                foreach (CountingRunner runner in (CountingRunner[])[_encode, _denoise, _decode])
                {
                    platform.Services.AddSingleton(new StageRunnerFactory(_ => runner));
                }
            },
            ServiceRole.Gateway,
            [.. _stubs.Settings(model), .. where]);
        if (pausedRole is not null)
        {
            await node.Client.Workers.PauseAsync(
                new V1.WorkerRequest
                {
                    Id = node.Services.GetServices<StageWorker>().Single(worker => worker.Role.Name == pausedRole).Id
                },
                cancellationToken: Stop);
        }
        JobService jobs = node.Services.GetRequiredService<JobService>();
        var job = new JobDefinition
        {
            Id = jobs.NewId(),
            Created = jobs.Now,
            Plan = new Plan
            {
                Stages =
                [
                    .. ((string[])[StageKind.TextEncode, StageKind.Denoise, StageKind.VaeDecode])
                        .Select(kind => new PlanStage { Name = kind, Kind = kind, Model = model })
                ],
            },
        };
        await jobs.SubmitAsync(job, Stop);
        return (node, jobs, job);
    }
}
