using Brownian.Client;
using Brownian.Jobs.Queues;
using Brownian.Models.Plans;
using Brownian.Testing.Processes;

namespace Brownian.Platform.Tests.Kills;

/// <summary>Services and servers are killed at seeded moments while many jobs run.</summary>
public sealed class RandomKillTests(KillCluster cluster, ITestOutputHelper output) : IClassFixture<KillCluster>
{
    /// <summary>The number of jobs; tests/long runs more.</summary>
    private static readonly int Jobs = int.Parse(Environment.GetEnvironmentVariable("BROWNIAN_KILLED_JOBS") ?? "60", CultureInfo.InvariantCulture);

    private const int Steps = 8;
    private const int Clients = 8;

    /// <summary>After how many ended jobs the next process is killed.</summary>
    private const int JobsBetweenKills = 5;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_accepted_job_ends_done_exactly_once_with_the_bytes_of_an_undisturbed_run()
    {
        await cluster.StartAsync("gateway", "gateway", "text-encoder", "text-encoder", "denoiser", "denoiser", "vae-decoder", "vae-decoder");
        foreach (string kind in (string[])[StageKind.TextEncode, StageKind.Denoise, StageKind.VaeDecode])
        {
            await cluster.RabbitMq.WaitUntilKeptAsync(new StageQueue(kind, cluster.Model, JobPriority.Standard).Name, Stop);
        }
        await cluster.RabbitMq.WaitUntilKeptAsync("brownian.v1.dead", Stop);
        var requests = Enumerable.Range(0, Jobs).Select(i => Stubs.Request(cluster.Model, (ulong)i, Steps)).ToArray();
        byte[][] expected = await Task.WhenAll(requests.Select(request => Task.Run(async () => (await cluster.Stubs.ExpectedAsync(request))[0])));
        using var done = new SemaphoreSlim(0);
        var ids = new string[Jobs];
        int next = -1;

        Task killing = Task.Run(() => KillAsync(done), Stop);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(
            async () =>
            {
                using BrownianClient client = cluster.CreateClient();
                int job;
                while ((job = Interlocked.Increment(ref next)) < Jobs)
                {
                    ids[job] = (await KillCluster.GenerateAsync(client, requests[job]))[0].JobId;
                    done.Release();
                }
            },
            Stop)));
        await killing;

        using BrownianClient reader = cluster.CreateClient();
        int hit = 0;
        for (int i = 0; i < Jobs; i++)
        {
            hit += await KillCluster.AssertDoneOnceAsync(reader, ids[i], expected[i]) > 0 ? 1 : 0;
        }
        output.WriteLine($"{hit} of {Jobs} jobs lost a worker while they ran");
        Assert.Equal(Jobs, ids.Distinct().Count());
        Assert.True(hit > 0, "no kill hit a job that ran");
    }

    private async Task KillAsync(SemaphoreSlim done)
    {
        // The generator of Numerical Recipes: it picks the same processes in every run.
        uint random = 2026;
        for (int kill = 0; kill < Jobs / JobsBetweenKills - 2; kill++)
        {
            for (int i = 0; i < JobsBetweenKills; i++)
            {
                await done.WaitAsync(2 * Eventually.Deadline, Stop);
            }
            random = random * 1_664_525 + 1_013_904_223;
            switch (kill % 32)
            {
                case 8 or 24:
                    cluster.Redis.Kill();
                    await cluster.Redis.StartAgainAsync();
                    break;
                case 16:
                    cluster.RabbitMq.Kill();
                    await cluster.RabbitMq.StartAgainAsync();
                    break;
                default:
                    ServiceProcess victim = cluster.Processes[(int)((random >> 16) % cluster.Processes.Count)];
                    victim.Kill();
                    await victim.StartAgainAsync();
                    break;
            }
        }
    }
}
