
namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisClockTests(RealServers servers)
{
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_clock_follows_the_server_and_not_this_machine()
    {
        var machine = new ManualTime { Now = Start };
        var clock = new RedisClock(machine);
        Assert.Equal(Start, clock.GetUtcNow());
        Assert.True(clock.TryBeginMeasure(out long sent));
        machine.Pass(TimeSpan.FromMilliseconds(10));
        clock.Follow(Start.AddHours(1), sent);
        Assert.Equal(Start.AddHours(1).AddMilliseconds(5), clock.GetUtcNow());
        machine.Now = Start.AddDays(-1);
        Assert.Equal(Start.AddHours(1).AddMilliseconds(5), clock.GetUtcNow());
        machine.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(Start.AddHours(1).AddMilliseconds(1005), clock.GetUtcNow());
    }

    [Fact]
    public void The_clock_is_set_every_ten_seconds_by_one_caller_at_a_time()
    {
        var machine = new ManualTime { Now = Start };
        var clock = new RedisClock(machine);
        Assert.True(clock.TryBeginMeasure(out long sent));
        Assert.False(clock.TryBeginMeasure(out _));
        clock.Follow(Start, sent);
        machine.Pass(TimeSpan.FromSeconds(9));
        Assert.False(clock.TryBeginMeasure(out _));
        machine.Pass(TimeSpan.FromSeconds(1));
        Assert.True(clock.TryBeginMeasure(out sent));
        Assert.False(clock.TryBeginMeasure(out _));
        machine.Pass(TimeSpan.FromMilliseconds(20));
        // The transmission explains a difference of 10 ms at most.
        clock.Follow(Start.AddSeconds(10).AddMilliseconds(5), sent);
        Assert.Equal(Start.AddSeconds(10).AddMilliseconds(20), clock.GetUtcNow());
        clock.Invalidate();
        Assert.True(clock.TryBeginMeasure(out sent));
        machine.Pass(TimeSpan.FromMilliseconds(20));
        clock.Follow(Start.AddSeconds(20), sent);
        Assert.Equal(Start.AddSeconds(20).AddMilliseconds(10), clock.GetUtcNow());
    }

    [Fact]
    public async Task The_clock_of_a_used_connection_is_the_servers()
    {
        await using var space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        await space.Connection.UseAsync(database => database.PingAsync(), TestContext.Current.CancellationToken);
        StackExchange.Redis.IServer server = await space.ServerAsync();
        // The server's clock between two readings of ours, give or take the half of a way that following assumes.
        DateTimeOffset before = space.Connection.Clock.GetUtcNow();
        DateTime time = await server.TimeAsync();
        DateTimeOffset after = space.Connection.Clock.GetUtcNow();
        TimeSpan tolerance = (after - before) + TimeSpan.FromSeconds(1);
        Assert.InRange(time, (before - tolerance).UtcDateTime, (after + tolerance).UtcDateTime);
    }

    private sealed class ManualTime : TimeProvider
    {
        // Not zero, which would mean that no request was ever sent.
        private long _timestamp = 1;

        public DateTimeOffset Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Pass(TimeSpan time)
        {
            _timestamp += time.Ticks;
            Now += time;
        }

        public override DateTimeOffset GetUtcNow() => Now;

        public override long GetTimestamp() => _timestamp;
    }
}
