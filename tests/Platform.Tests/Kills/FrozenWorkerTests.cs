using Brownian.Client;
using Brownian.Jobs.Queues;
using Brownian.Models.Plans;
using Brownian.Testing.Processes;
using Brownian.V1;
using RabbitMQ.Client;

namespace Brownian.Platform.Tests.Kills;

/// <summary>Workers that are frozen, stopped or killed, or whose queues are deleted.</summary>
public sealed class FrozenWorkerTests(KillCluster cluster) : IClassFixture<KillCluster>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_denoiser_frozen_past_its_lease_gives_no_second_result_when_it_continues()
    {
        await EnsureStartedAsync();
        using BrownianClient client = cluster.CreateClient();
        GenerateRequest request = Stubs.Request(cluster.Model, 21, steps: 60);
        byte[] expected = (await cluster.Stubs.ExpectedAsync(request))[0];
        string id = (await client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
        await UntilAsync(client, id, item => item.Progress is { Stage: "denoise", Evaluation: > 2 });
        ServiceProcess frozen = cluster.Find("denoiser");

        await frozen.SignalAsync("STOP");
        await using ServiceProcess other = await cluster.StartAsync("denoiser", null);
        await UntilAsync(client, id, item => item.StageStarted is { Stage: "denoise", Attempt: > 2 });
        await frozen.SignalAsync("CONT");

        await UntilAsync(client, id, item => item.Done is not null);
        await KillCluster.AssertDoneOnceAsync(client, id, expected);
        Assert.False(frozen.Ended.IsCompleted);
    }

    [Fact]
    public async Task A_worker_stopped_in_a_stage_hands_the_stage_over_and_exits_with_0()
    {
        await EnsureStartedAsync();
        using BrownianClient client = cluster.CreateClient();
        GenerateRequest request = Stubs.Request(cluster.Model, 22, steps: 200);
        byte[] expected = (await cluster.Stubs.ExpectedAsync(request))[0];
        string id = (await client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
        await UntilAsync(client, id, item => item.Progress is { Stage: "denoise", Evaluation: > 2 });

        await cluster.Find("denoiser").StopAsync();
        Assert.Equal(0, cluster.Find("denoiser").ExitCode);
        await UntilAsync(client, id, item => item.StageReturned is { Stage: "denoise" });
        V1.Job waiting = await client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
        Assert.Equal(0, waiting.Stages[1].Deaths);
        await cluster.Find("denoiser").StartAgainAsync();

        await UntilAsync(client, id, item => item.Done is not null);
        await KillCluster.AssertDoneOnceAsync(client, id, expected);
        await UntilAsync(client, id, item => item.StageStarted is { Stage: "denoise", ResumedFrom: > 2 });
    }

    [Fact]
    public async Task A_worker_over_its_memory_limit_exits_with_0_after_its_stage_and_works_when_restarted()
    {
        await EnsureStartedAsync();
        using BrownianClient client = cluster.CreateClient();
        ServiceProcess unlimited = cluster.Find("denoiser");
        await unlimited.StopAsync();
        try
        {
            await using ServiceProcess limited = await cluster.StartWithAsync("denoiser", "ResidentLimitMiB=1");
            for (ulong seed = 24; seed < 26; seed++)
            {
                GenerateRequest request = Stubs.Request(cluster.Model, seed);
                byte[] expected = (await cluster.Stubs.ExpectedAsync(request))[0];
                string id = (await client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;

                await limited.Ended.WaitAsync(Eventually.Deadline, Stop);
                Assert.True(limited.ExitCode == 0, $"{limited.ExitCode}: {await limited.ReadLogAsync()}");
                await UntilAsync(client, id, item => item.Done is not null);
                Assert.Equal(0, await KillCluster.AssertDoneOnceAsync(client, id, expected));
                await limited.StartAgainAsync();
            }
        }
        finally
        {
            await unlimited.StartAgainAsync();
        }
    }

    [Fact]
    public async Task Queues_deleted_while_jobs_run_lose_no_job()
    {
        await EnsureStartedAsync();
        using BrownianClient client = cluster.CreateClient();
        GenerateRequest[] requests = [.. Enumerable.Range(30, 12).Select(seed => Stubs.Request(cluster.Model, (ulong)seed, steps: 20))];
        var ids = new List<string>();
        foreach (GenerateRequest request in requests)
        {
            ids.Add((await client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id);
        }
        await UntilAsync(client, ids[0], item => item.Progress is { Stage: "denoise" });

        await using (IConnection connection = await new ConnectionFactory { Uri = cluster.RabbitMq.Uri }.CreateConnectionAsync(Stop))
        await using (IChannel channel = await connection.CreateChannelAsync(cancellationToken: Stop))
        {
            foreach (string kind in StageKind.All)
            {
                string? model = kind == StageKind.Write ? null : cluster.Model;
                await channel.QueueDeleteAsync(new StageQueue(kind, model, JobPriority.Standard).Name, cancellationToken: Stop);
            }
        }

        for (int i = 0; i < ids.Count; i++)
        {
            await UntilAsync(client, ids[i], item => item.Done is not null);
            await KillCluster.AssertDoneOnceAsync(client, ids[i], (await cluster.Stubs.ExpectedAsync(requests[i]))[0]);
        }
    }

    [Fact]
    public async Task The_fifth_death_of_a_worker_on_a_stage_fails_the_job_with_the_reason()
    {
        await EnsureStartedAsync();
        using BrownianClient client = cluster.CreateClient();
        ServiceProcess denoiser = cluster.Find("denoiser");
        await denoiser.StopAsync();
        denoiser.Fault = "after take:1";
        try
        {
            await denoiser.StartAgainAsync();
            string id = (await client.Generation.SubmitAsync(Stubs.Request(cluster.Model, 23), cancellationToken: Stop)).Id;
            for (int death = 1; death < 5; death++)
            {
                await denoiser.Ended.WaitAsync(Eventually.Deadline, Stop);
                await denoiser.StartAgainAsync();
            }
            await UntilAsync(client, id, item => item.Failed is not null);
            Job failed = await client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
            Assert.Equal(JobState.Failed, failed.State);
            Assert.Contains("5 times", failed.Error.Message, StringComparison.Ordinal);
        }
        finally
        {
            denoiser.Fault = null;
            await denoiser.Ended.WaitAsync(Eventually.Deadline, Stop);
            await denoiser.StartAgainAsync();
        }
    }

    private static async Task UntilAsync(BrownianClient client, string id, Func<JobEvent, bool> isAwaited)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Eventually.Deadline);
        using Grpc.Core.AsyncServerStreamingCall<JobEvent> call =
            client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: deadline.Token);
        while (await call.ResponseStream.MoveNext(deadline.Token))
        {
            if (isAwaited(call.ResponseStream.Current))
            {
                return;
            }
        }
        Assert.Fail("the event never came");
    }

    private async Task EnsureStartedAsync()
    {
        if (cluster.Processes.Count == 0)
        {
            await cluster.StartAsync("gateway", "text-encoder", "denoiser", "vae-decoder");
        }
    }
}
