using Brownian.Jobs.Access;
using Brownian.Jobs.Records;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteFileJobStoreTests : JobStoreContract
{
    private readonly TemporaryFolder _folder = new();

    private SqliteAccessStore? _access;

    private protected override IAuditLog Audit => _access!;

    private protected override Task<IJobStore> OpenAsync()
    {
        _access = SqliteAccessStore.Open(_folder.Combine("access.db"));
        return Task.FromResult<IJobStore>(SqliteJobStore.Open(_folder.Combine("jobs.db"), TestJobs.Policy, audit: _access));
    }

    private protected override ValueTask CloseAsync()
    {
        ((SqliteJobStore)Store).Dispose();
        _access!.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
