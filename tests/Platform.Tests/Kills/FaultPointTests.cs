using Brownian.Client;
using Brownian.Testing.Processes;
using Brownian.V1;

namespace Brownian.Platform.Tests.Kills;

/// <summary>Each service is killed around each store write, send, confirm, acknowledge, checkpoint and terminal write.</summary>
public sealed class FaultPointTests(KillCluster cluster) : IClassFixture<KillCluster>
{
    private const ulong Seed = 11;
    private const int Steps = 14;

    public static TheoryData<string, string> Places
    {
        get
        {
            var places = new TheoryData<string, string>();
            foreach (string place in (string[])["before create", "after create", "before submit send", "before publish", "after publish",
                "after submit send", "after accept"])
            {
                places.Add("gateway", place);
            }
            foreach (string place in (string[])["message in hand", "after take", "before acknowledge", "after acknowledge", "before keep",
                "after keep", "before complete", "after complete", "before next send", "after publish", "after next send"])
            {
                places.Add("text-encoder", place);
            }
            foreach (string place in (string[])["after take", "before checkpoint", "in checkpoint", "after checkpoint", "before keep",
                "before complete", "after complete", "after next send"])
            {
                places.Add("denoiser", place);
            }
            foreach (string place in (string[])["after take", "after complete", "before artifact", "after artifact", "after terminal write"])
            {
                places.Add("vae-decoder", place);
            }
            return places;
        }
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_service_killed_at_a_fault_point_loses_no_job(string role, string place)
    {
        if (cluster.Processes.Count == 0)
        {
            await cluster.StartAsync("gateway", "text-encoder", "denoiser", "vae-decoder");
        }
        GenerateRequest request = Stubs.Request(cluster.Model, Seed, Steps);
        byte[] expected = (await cluster.Stubs.ExpectedAsync(request))[0];
        await using ServiceProcess faulty = await cluster.StartAsync(role, place + ":1");
        ServiceProcess healthy = cluster.Find(role);
        if (role != "gateway")
        {
            // No other worker of its role runs: the faulty one must take the job.
            healthy.Kill();
        }
        using BrownianClient client = role == "gateway"
            ? new BrownianClient([faulty.Address, healthy.Address], new BrownianClientOptions { RetryTimeout = Eventually.Deadline })
            : cluster.CreateClient();

        Task<List<JobEvent>> generating = KillCluster.GenerateAsync(client, request);
        await faulty.Ended.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        if (role != "gateway")
        {
            await healthy.StartAgainAsync();
        }
        List<JobEvent> events = await generating;

        using BrownianClient other = cluster.CreateClient();
        await KillCluster.AssertDoneOnceAsync(other, events[0].JobId, expected);
    }
}
