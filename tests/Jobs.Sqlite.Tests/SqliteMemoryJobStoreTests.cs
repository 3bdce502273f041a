using Brownian.Jobs.Access;
using Brownian.Jobs.Records;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteMemoryJobStoreTests : JobStoreContract
{
    private readonly SqliteAccessStore _access = SqliteAccessStore.Open(null);

    private protected override IAuditLog Audit => _access;

    private protected override Task<IJobStore> OpenAsync() =>
        Task.FromResult<IJobStore>(SqliteJobStore.Open(null, TestJobs.Policy, audit: _access));

    private protected override ValueTask CloseAsync()
    {
        ((SqliteJobStore)Store).Dispose();
        _access.Dispose();
        return ValueTask.CompletedTask;
    }
}
