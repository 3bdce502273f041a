using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisCatalogTests(RealServers servers) : CatalogContract
{
    private RedisSpace? _space;

    [Fact]
    public async Task A_worker_without_heartbeats_is_removed_and_its_files_bind_no_other_worker()
    {
        DateTimeOffset before = _space!.Connection.Clock.GetUtcNow();
        await Catalog.PublishAsync(Worker("a", "stub", "one"), Cancelled);
        DateTimeOffset seen = Assert.Single(await Catalog.WorkersAsync(Cancelled)).Seen;
        // The clock may be set back by less than a way to the server between the two readings.
        Assert.InRange(seen, before.AddSeconds(-1), _space!.Connection.Clock.GetUtcNow().AddSeconds(1));
        IDatabase database = await _space.DatabaseAsync();
        await database.SortedSetAddAsync(_space.Key("workers:seen"), "a", seen.AddSeconds(-15).ToUnixTimeMilliseconds());
        await Catalog.PublishAsync(Worker("b", "stub", "two"), Cancelled);
        Assert.Equal("b", Assert.Single(await Catalog.WorkersAsync(Cancelled)).Id);
        await database.SortedSetAddAsync(_space.Key("workers:seen"), "b", seen.AddSeconds(-15).ToUnixTimeMilliseconds());
        Assert.Empty(await Catalog.WorkersAsync(Cancelled));
        Assert.Empty(await _space.KeysAsync());
    }

    [Fact]
    public async Task Times_in_another_form_are_left_out()
    {
        var shape = new StageShape("denoise", "m", "f", 4096, 1);
        await Catalog.PublishAsync([new CostSample(shape, "cpu", 2)], Cancelled);
        IDatabase database = await _space!.DatabaseAsync();
        string key = (string)(await database.HashKeysAsync(_space.Key("costs")))[0]!;
        await database.HashSetAsync(
            _space.Key("costs"),
            [
                new HashEntry("no json", "1"), new HashEntry("null", "1"), new HashEntry(key.Replace("4096", "1", StringComparison.Ordinal), ""),
                new HashEntry(key.Replace("4096", "2", StringComparison.Ordinal), "NaN -1 0 1e999 many"),
            ]);

        StageCosts costs = await Catalog.CostsAsync(Cancelled);
        Assert.Equal(2, costs.Find(shape, "cpu"));
        Assert.Null(costs.Find(shape with { Pixels = 1 }, "cpu"));
        Assert.Null(costs.Find(shape with { Pixels = 2 }, "cpu"));
    }

    private protected override async Task<ICatalog> OpenAsync()
    {
        _space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        return new RedisCatalog(_space.Connection);
    }

    private protected override ValueTask CloseAsync() => _space!.DisposeAsync();
}
