using System.Collections.Concurrent;
using Brownian.Client;
using Brownian.Testing.Processes;
using Brownian.V1;

namespace Brownian.Platform.Tests.Kills;

/// <summary>Stops every process of a cluster and starts it again, one after the other, while clients make images.</summary>
internal static class RollingRestart
{
    private const int Clients = 4;
    private const int Seeds = 8;
    private const int Steps = 8;

    /// <summary>How many jobs end between two restarts, so that each process has stages again.</summary>
    private const int JobsBetweenRestarts = 4;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Restarts the processes in their order, and checks that every request was answered and that no worker counted as lost.</summary>
    /// <param name="cluster">The cluster, with two processes of each service.</param>
    /// <param name="change">Called with each process while it is stopped.</param>
    /// <param name="compare">Compares an expected file and a job's; null for equal bytes.</param>
    public static async Task RunAsync(KillCluster cluster, Action<ServiceProcess> change, Action<byte[], byte[]>? compare = null)
    {
        GenerateRequest[] requests = [.. Enumerable.Range(0, Seeds).Select(seed => Stubs.Request(cluster.Model, (ulong)seed, Steps))];
        byte[][] expected = await Task.WhenAll(requests.Select(request => Task.Run(async () => (await cluster.Stubs.ExpectedAsync(request))[0])));
        var answered = new ConcurrentBag<(int Request, List<JobEvent> Events)>();
        using var done = new SemaphoreSlim(0);
        using var enough = new CancellationTokenSource();
        int next = -1;

        Task[] clients =
        [
            .. Enumerable.Range(0, Clients).Select(_ => Task.Run(
                async () =>
                {
                    using BrownianClient client = cluster.CreateClient();
                    while (!enough.IsCancellationRequested)
                    {
                        int request = Interlocked.Increment(ref next) % Seeds;
                        answered.Add((request, await KillCluster.GenerateAsync(client, requests[request])));
                        done.Release();
                    }
                },
                Stop)),
        ];
        foreach (ServiceProcess process in cluster.Processes)
        {
            for (int i = 0; i < JobsBetweenRestarts; i++)
            {
                // A client that fails ends the test, and not the time.
                Task<bool> job = done.WaitAsync(2 * Eventually.Deadline, Stop);
                Task first = await Task.WhenAny([job, .. clients]);
                await first;
                Assert.True(await job, "no job ended in time");
            }
            await process.StopAsync();
            Assert.Equal(0, process.ExitCode);
            change(process);
            await process.StartAgainAsync();
        }
        await enough.CancelAsync();
        await Task.WhenAll(clients);

        using BrownianClient reader = cluster.CreateClient();
        int handedBack = 0;
        foreach ((int request, List<JobEvent> events) in answered)
        {
            string id = events[0].JobId;
            await KillCluster.AssertDoneOnceAsync(reader, id, expected[request], compare);
            Job job = await reader.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
            Assert.Equal(JobState.Done, job.State);
            // A stopped worker hands its stage back. A lease that expires would mean that it had died.
            Assert.DoesNotContain(events, item => item.StageReturned?.Reason.Contains("was lost", StringComparison.Ordinal) == true);
            handedBack += events.Count(item => item.StageReturned is not null);
        }
        Assert.Equal(answered.Count, answered.Select(answer => answer.Events[0].JobId).Distinct().Count());
        Assert.InRange(answered.Count, JobsBetweenRestarts * cluster.Processes.Count, int.MaxValue);
        TestContext.Current.SendDiagnosticMessage("{0} jobs, {1} stages handed back", answered.Count, handedBack);
    }
}
