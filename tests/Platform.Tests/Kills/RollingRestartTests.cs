namespace Brownian.Platform.Tests.Kills;

/// <summary>A rolling restart under load loses nothing.</summary>
public sealed class RollingRestartTests(KillCluster cluster) : IClassFixture<KillCluster>
{
    [Fact]
    public async Task Every_request_is_answered_and_no_worker_counts_as_lost()
    {
        await cluster.StartTwiceAsync(null);
        await RollingRestart.RunAsync(cluster, _ => { });
    }
}
