using Brownian.Jobs.Uploads;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteMemoryUploadLedgerTests : UploadLedgerContract
{
    private protected override Task<IUploadLedger> OpenAsync() =>
        Task.FromResult<IUploadLedger>(SqliteUploadLedger.Open(null, TimeProvider.System));

    private protected override ValueTask CloseAsync()
    {
        ((SqliteUploadLedger)Ledger).Dispose();
        return ValueTask.CompletedTask;
    }
}
