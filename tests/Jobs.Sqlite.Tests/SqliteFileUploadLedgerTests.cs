using Brownian.Jobs.Uploads;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteFileUploadLedgerTests : UploadLedgerContract
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Reservations_survive_a_restart()
    {
        var limits = new UploadLimits { MaxBytes = 100 };
        using (SqliteUploadLedger first = SqliteUploadLedger.Open(_folder.Combine("restarted.sqlite"), TimeProvider.System))
        {
            Assert.Null(await first.ReserveAsync(new UploadReservation("a", "a", 100, TimeSpan.FromDays(1)), limits, Cancelled));
        }
        using SqliteUploadLedger second = SqliteUploadLedger.Open(_folder.Combine("restarted.sqlite"), TimeProvider.System);
        Assert.Equal(
            UploadBound.Bytes,
            (await second.ReserveAsync(new UploadReservation("b", "b", 1, TimeSpan.FromDays(1)), limits, Cancelled))!.Bound);
    }

    private protected override Task<IUploadLedger> OpenAsync() =>
        Task.FromResult<IUploadLedger>(SqliteUploadLedger.Open(_folder.Combine("uploads.sqlite"), TimeProvider.System));

    private protected override ValueTask CloseAsync()
    {
        ((SqliteUploadLedger)Ledger).Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
