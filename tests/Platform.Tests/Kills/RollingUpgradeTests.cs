using Brownian.Upgrade.Tests;

namespace Brownian.Platform.Tests.Kills;

/// <summary>A cluster of the version before is upgraded under load, one process at a time, workers before gateways.</summary>
public sealed class RollingUpgradeTests(KillCluster cluster) : IClassFixture<KillCluster>
{
    [Fact]
    public async Task Every_request_is_answered_and_no_worker_counts_as_lost()
    {
        string? before = Environment.GetEnvironmentVariable("BROWNIAN_BEFORE");
        Assert.SkipWhen(
            before is null,
            "BROWNIAN_BEFORE names no repository with the programs of the version before: tests/long builds them, which takes minutes");
        await cluster.StartTwiceAsync(before);
        await RollingRestart.RunAsync(
            cluster, process => process.Repository = Repository.Root, (expected, actual) => ImageComparison.AssertSame([expected], [actual]));
    }
}
