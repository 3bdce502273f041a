using Brownian.Jobs.Uploads;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteMemoryUploadLedgerTests : UploadLedgerContract
{
    private protected override Task<IUploadLedger> OpenAsync(UploadLimits limits) =>
        Task.FromResult<IUploadLedger>(SqliteUploadLedger.Open(null, limits, TimeProvider.System));

    private protected override ValueTask CloseAsync()
    {
        ((SqliteUploadLedger)Ledger).Dispose();
        return ValueTask.CompletedTask;
    }
}
