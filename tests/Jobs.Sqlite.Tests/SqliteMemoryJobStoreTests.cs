using Brownian.Jobs.Records;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteMemoryJobStoreTests : JobStoreContract
{
    private protected override Task<IJobStore> OpenAsync() => Task.FromResult<IJobStore>(SqliteJobStore.Open(null, TestJobs.Policy));

    private protected override ValueTask CloseAsync()
    {
        ((SqliteJobStore)Store).Dispose();
        return ValueTask.CompletedTask;
    }
}
