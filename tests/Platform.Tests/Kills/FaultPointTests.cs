using Brownian.Client;
using Brownian.Testing.Processes;
using Brownian.V1;

namespace Brownian.Platform.Tests.Kills;

/// <summary>Each service is killed around each store write, send, confirm, acknowledge, checkpoint and terminal write.</summary>
public sealed class FaultPointTests(KillCluster cluster) : IClassFixture<KillCluster>
{
    private const ulong Seed = 11;
    private const int Steps = 14;

    /// <summary>The fault points of each service. Those of the second list run in <c>tests/long</c> only (<c>BROWNIAN_EVERY_CASE</c>).</summary>
    private static readonly (string Role, string[] Always, string[] Long)[] Points =
    [
        ("gateway", ["after create", "after publish", "after accept"],
            ["before create", "before submit send", "before publish", "after submit send"]),
        ("text-encoder", ["after take", "before acknowledge", "after complete", "after publish"],
            ["message in hand", "after acknowledge", "before keep", "after keep", "before complete", "before next send", "after next send"]),
        ("denoiser", ["in checkpoint", "after checkpoint", "after complete"],
            ["after take", "before checkpoint", "before keep", "before complete", "after next send"]),
        ("vae-decoder", ["after artifact", "after terminal write"], ["after take", "after complete", "before artifact"]),
    ];

    public static TheoryData<string, string> Places
    {
        get
        {
            bool isEvery = Environment.GetEnvironmentVariable("BROWNIAN_EVERY_CASE") is { Length: > 0 };
            var places = new TheoryData<string, string>();
            foreach ((string role, string[] always, string[] more) in Points)
            {
                foreach (string place in (string[])[.. always, .. isEvery ? more : []])
                {
                    places.Add(role, place);
                }
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
            ? new BrownianClient([faulty.Address, healthy.Address], KillCluster.ClientOptions)
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
