using Brownian.Client;
using Brownian.Testing.Events;
using Brownian.Testing.Processes;
using Brownian.V1;

namespace Brownian.Platform.Tests.Kills;

/// <summary>Everything in one process, which is killed: accepted jobs are in its data folder.</summary>
public sealed class OneProcessKillTests : IDisposable
{
    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _data = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_process_loses_no_job_and_few_steps()
    {
        string model = _stubs.Add(turns: 20_000);
        GenerateRequest[] requests = [.. Enumerable.Range(0, 3).Select(seed => Stubs.Request(model, (ulong)seed, steps: 40))];
        await using ServiceProcess process = await ServiceProcess.StartAsync(
            "everything",
            [
                .. _stubs.Settings(model), "DataFolder=" + _data.FullPath, "Threads=1", "ProgressSeconds=0", "LeaseSeconds=1", "ReconcileSeconds=0.1",
                "GraceSeconds=0.5"
            ]);
        using var client = new BrownianClient(process.Address);
        var ids = new List<string>();
        foreach (GenerateRequest request in requests)
        {
            ids.Add((await client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id);
        }
        using (
            Grpc.Core.AsyncServerStreamingCall<JobEvent> call = client.Generation.Watch(new WatchJobRequest { Id = ids[0] }, cancellationToken: Stop))
        {
            while (await call.ResponseStream.MoveNext(Stop) && call.ResponseStream.Current.Progress is not { Stage: "denoise", Evaluation: > 10 })
            {
                // Until it has made some evaluations.
            }
        }

        process.Kill();
        await process.StartAgainAsync();

        for (int i = 0; i < ids.Count; i++)
        {
            // Until its end.
            using (Grpc.Core.AsyncServerStreamingCall<JobEvent> call = client.Generation.Watch(
                new WatchJobRequest { Id = ids[i] }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop))
            {
                while (await call.ResponseStream.MoveNext(Stop))
                {
                }
            }
            int again = await KillCluster.AssertDoneOnceAsync(client, ids[i], (await _stubs.ExpectedAsync(requests[i]))[0]);
            Assert.True(again > 0 || i > 0, "the first job ran when the process died");
        }
    }

    [Fact]
    public async Task A_callback_that_a_killed_process_was_making_is_made_again_after_the_next_start()
    {
        string model = _stubs.Add();
        await using CallbackServer server = await CallbackServer.StartAsync();
        var released = new TaskCompletionSource();
        server.Answer(_ => released.Task);
        await using ServiceProcess process = await ServiceProcess.StartAsync(
            "everything",
            [
                .. _stubs.Settings(model), "DataFolder=" + _data.FullPath, "Threads=1", "ReconcileSeconds=0.1", .. CallbackServer.Settings,
                "CallbackSeconds=1",
            ]);
        using var client = new BrownianClient(process.Address);
        GenerateRequest request = Stubs.Request(model, 1);
        request.CallbackUrl = server.Address;
        string id = (await client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
        ReceivedCallback first = await server.NextAsync();

        process.Kill();
        released.SetResult();
        await process.StartAgainAsync();

        ReceivedCallback again = await server.NextAsync();
        Assert.Equal((id, first.Headers["webhook-id"]), (again.Job, again.Headers["webhook-id"]));
        Assert.Equal(first.Body, again.Body);
        Job job = new();
        await Eventually.TrueAsync(
            async () =>
                (job = await client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop)).Callback.State
                    == CallbackState.Delivered,
            "the callback is delivered");
        Assert.Equal(2, job.Callback.Attempts);
    }

    public void Dispose()
    {
        _stubs.Dispose();
        _data.Dispose();
    }
}
