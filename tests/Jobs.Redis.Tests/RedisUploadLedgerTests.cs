using Brownian.Jobs.Uploads;

namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisUploadLedgerTests(RealServers servers) : UploadLedgerContract
{
    private RedisSpace? _space;

    [Fact]
    public async Task Gateways_share_the_bounds_of_uploads()
    {
        await using RedisConnection another = _space!.Connect();
        var other = new RedisUploadLedger(another);
        Assert.Null(await ReserveAsync("a", "a", 100));
        Assert.Equal(UploadBound.Bytes, (await other.ReserveAsync(
            new UploadReservation("b", "b", 1, TimeSpan.FromDays(1)), new UploadLimits { MaxBytes = 100 }, Cancelled))!.Bound);
    }

    private protected override async Task<IUploadLedger> OpenAsync()
    {
        _space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        return new RedisUploadLedger(_space.Connection);
    }

    private protected override ValueTask CloseAsync() => _space!.DisposeAsync();

    private protected override async Task NothingIsLeftAsync() => Assert.Empty(await _space!.KeysAsync());
}
