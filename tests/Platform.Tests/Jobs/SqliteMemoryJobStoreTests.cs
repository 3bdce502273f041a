using Brownian.Jobs.Records;
using Brownian.Jobs.Sqlite;

namespace Brownian.Platform.Tests.Jobs;

public sealed class SqliteMemoryJobStoreTests : JobStoreContract
{
    private protected override Task<IJobStore> OpenAsync() => Task.FromResult<IJobStore>(SqliteJobStore.Open(null, TestJobs.Policy));

    private protected override ValueTask CloseAsync()
    {
        ((SqliteJobStore)Store).Dispose();
        return ValueTask.CompletedTask;
    }
}
