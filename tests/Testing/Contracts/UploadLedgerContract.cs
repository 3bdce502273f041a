using Brownian.Jobs.Uploads;

namespace Brownian.Testing.Contracts;

/// <summary>The behaviour of every ledger of uploads.</summary>
public abstract class UploadLedgerContract : IAsyncLifetime
{
    private static readonly UploadLimits Limits = new() { MaxBytesPerOwner = 100, MaxCountPerOwner = 4, MaxBytes = 250 };
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private IUploadLedger? _ledger;

    protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    protected IUploadLedger Ledger => _ledger!;

    public async ValueTask InitializeAsync() => _ledger = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task The_bytes_of_an_address_are_bounded_independently_of_other_addresses()
    {
        Assert.Null(await ReserveAsync("a1", "a", 60));
        Assert.Equal(UploadBound.BytesPerOwner, (await ReserveAsync("a2", "a", 41))!.Bound);
        Assert.Null(await ReserveAsync("a2", "a", 40));
        Assert.Null(await ReserveAsync("b1", "b", 100));
    }

    [Fact]
    public async Task The_number_of_an_addresss_uploads_is_bounded()
    {
        for (int i = 0; i < Limits.MaxCountPerOwner; i++)
        {
            Assert.Null(await ReserveAsync($"a{i}", "a", 1));
        }
        Assert.Equal(UploadBound.CountPerOwner, (await ReserveAsync("a9", "a", 1))!.Bound);
        Assert.Null(await ReserveAsync("a0", "a", 2));
        Assert.Null(await ReserveAsync("b0", "b", 1));
    }

    [Fact]
    public async Task The_bytes_of_all_addresses_together_are_bounded()
    {
        Assert.Null(await ReserveAsync("a", "a", 100));
        Assert.Null(await ReserveAsync("b", "b", 100));
        Assert.Equal(UploadBound.Bytes, (await ReserveAsync("c", "c", 51))!.Bound);
        Assert.Null(await ReserveAsync("c", "c", 50));
        Assert.Equal(UploadBound.Bytes, (await ReserveAsync("d", "d", 1))!.Bound);
    }

    [Fact]
    public async Task A_reservation_can_change_its_size_and_address_and_a_refusal_changes_nothing()
    {
        Assert.Null(await ReserveAsync("a1", "a", 60));
        Assert.Null(await ReserveAsync("a1", "a", 100));
        Assert.NotNull(await ReserveAsync("a1", "a", 101));
        Assert.NotNull(await ReserveAsync("a2", "a", 1));
        Assert.Null(await ReserveAsync("a1", "a", 99));
        Assert.Null(await ReserveAsync("a2", "a", 1));
        Assert.Null(await ReserveAsync("a1", "b", 100));
        Assert.Null(await ReserveAsync("a3", "a", 99));
        Assert.Null(await ReserveAsync("d", "d", 50));
        Assert.NotNull(await ReserveAsync("e", "e", 1));
    }

    [Fact]
    public async Task A_released_reservation_frees_its_bytes_and_leaves_no_data()
    {
        await ReserveAsync("a1", "a", 100);
        await ReserveAsync("b1", "b", 100);
        await Ledger.ReleaseAsync("a1", Cancelled);
        await Ledger.ReleaseAsync("a1", Cancelled);
        await Ledger.ReleaseAsync("unknown", Cancelled);
        Assert.Null(await ReserveAsync("a2", "a", 100));
        Assert.NotNull(await ReserveAsync("c", "c", 51));
        await Ledger.ReleaseAsync("a2", Cancelled);
        await Ledger.ReleaseAsync("b1", Cancelled);
        await NothingIsLeftAsync();
    }

    [Fact]
    public async Task A_reservation_expires_after_its_lifetime_unless_it_was_extended()
    {
        TimeSpan lifetime = TimeSpan.FromMilliseconds(100);
        Assert.Null(await ReserveAsync("a1", "a", 50, lifetime));
        Assert.Null(await ReserveAsync("a2", "a", 50, lifetime));
        await Ledger.ExtendAsync("a2", Day, Cancelled);
        await Ledger.ExtendAsync("a2", lifetime, Cancelled);
        await Ledger.ExtendAsync("unknown", Day, Cancelled);
        await PassAsync(lifetime);
        Assert.Equal(UploadBound.BytesPerOwner, (await ReserveAsync("a3", "a", 51))!.Bound);
        Assert.Null(await ReserveAsync("a3", "a", 50));
    }

    [Fact]
    public async Task A_refusal_has_the_time_until_the_next_counted_reservation_expires()
    {
        await ReserveAsync("other", "b", 10, TimeSpan.FromMinutes(1));
        await ReserveAsync("old", "a", 50, TimeSpan.FromHours(1));
        await ReserveAsync("new", "a", 50, TimeSpan.FromHours(5));
        UploadRefusal address = (await ReserveAsync("more", "a", 1))!;
        Assert.InRange(address.RetryAfter, TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
        await ReserveAsync("b", "b", 90, TimeSpan.FromHours(2));
        await ReserveAsync("c", "c", 50, TimeSpan.FromHours(2));
        UploadRefusal all = (await ReserveAsync("more", "d", 1))!;
        Assert.Equal(UploadBound.Bytes, all.Bound);
        Assert.InRange(all.RetryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task An_entry_has_an_owner_and_an_owner_has_bytes_until_the_entries_end()
    {
        TimeSpan lifetime = TimeSpan.FromMilliseconds(100);
        await ReserveAsync("a1", "tenant:a b", 60);
        await ReserveAsync("a2", "tenant:a b", 40, lifetime);
        await ReserveAsync("b1", "b", 5);
        Assert.Equal("tenant:a b", await Ledger.FindOwnerAsync("a1", Cancelled));
        Assert.Equal("b", await Ledger.FindOwnerAsync("b1", Cancelled));
        Assert.Null(await Ledger.FindOwnerAsync("unknown", Cancelled));
        Assert.Equal(100, await Ledger.BytesOfAsync("tenant:a b", Cancelled));
        Assert.Equal(0, await Ledger.BytesOfAsync("unknown", Cancelled));
        await PassAsync(lifetime);
        Assert.Equal(60, await Ledger.BytesOfAsync("tenant:a b", Cancelled));
        await Ledger.ReleaseAsync("a1", Cancelled);
        Assert.Null(await Ledger.FindOwnerAsync("a1", Cancelled));
        Assert.Equal(0, await Ledger.BytesOfAsync("tenant:a b", Cancelled));
    }

    [Fact]
    public async Task Concurrent_reservations_fill_the_bounds_and_exceed_none()
    {
        for (int round = 0; round < 5; round++)
        {
            (string Id, string Address, bool Taken)[] reservations = await Task.WhenAll(Enumerable.Range(0, 120).Select(i => Task.Run(async () =>
            {
                string id = $"{round}-{i}", address = $"address {i % 6}";
                return (id, address, await ReserveAsync(id, address, 25) is null);
            })));
            string[] taken = [.. reservations.Where(one => one.Taken).Select(one => one.Id)];
            Assert.Equal(Limits.MaxBytes / 25, taken.Length);
            Assert.All(reservations.Where(one => one.Taken).CountBy(one => one.Address), address => Assert.InRange(address.Value, 1, 4));
            await Task.WhenAll(taken.Select(id => Task.Run(() => Ledger.ReleaseAsync(id, Cancelled))));
        }
        await NothingIsLeftAsync();
    }

    private protected Task<UploadRefusal?> ReserveAsync(string id, string owner, long bytes, TimeSpan? lifetime = null) =>
        Ledger.ReserveAsync(new UploadReservation(id, owner, bytes, lifetime ?? Day), Limits, Cancelled);

    private protected abstract Task<IUploadLedger> OpenAsync();

    private protected virtual ValueTask CloseAsync() => ValueTask.CompletedTask;

    /// <summary>Checks below the ledger that no data is left.</summary>
    private protected virtual Task NothingIsLeftAsync() => Task.CompletedTask;

    /// <summary>Waits by the ledger's clock.</summary>
    private static async Task PassAsync(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time * 2);
        await timer.WaitForNextTickAsync(Cancelled);
    }
}
