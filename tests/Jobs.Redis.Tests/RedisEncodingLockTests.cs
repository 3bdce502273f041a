using Brownian.Jobs.Embeddings;

namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisEncodingLockTests(RealServers servers)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_lock_that_another_process_holds_is_waited_for_and_its_lease_reports_the_wait()
    {
        await using var space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        await using RedisConnection other = space.Connect();
        IEncodingLease first = await new RedisEncodingLock(space.Connection).AcquireAsync("apple", Stop);

        Task<IEncodingLease> second = new RedisEncodingLock(other).AcquireAsync("apple", Stop);
        await using IEncodingLease unrelated = await new RedisEncodingLock(other).AcquireAsync("pear", Stop);
        Assert.False(second.IsCompleted);
        await first.DisposeAsync();
        await using IEncodingLease taken = await second;

        Assert.False(first.Waited);
        Assert.False(unrelated.Waited);
        Assert.True(taken.Waited);
    }

    [Fact]
    public async Task A_lock_of_an_unavailable_server_is_refused_and_releasing_one_does_not_fail()
    {
        await using RedisServer server = await RedisServer.StartAsync(Stop);
        await using var connection = new RedisConnection(server.Configuration);
        var locks = new RedisEncodingLock(connection);
        IEncodingLease held = await locks.AcquireAsync("apple", Stop);

        server.Kill();

        await Assert.ThrowsAsync<PlatformUnavailableException>(() => locks.AcquireAsync("pear", Stop));
        await held.DisposeAsync();
    }
}
