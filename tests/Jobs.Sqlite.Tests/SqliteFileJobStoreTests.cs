using Brownian.Jobs.Records;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteFileJobStoreTests : JobStoreContract
{
    private readonly TemporaryFolder _folder = new();

    private protected override Task<IJobStore> OpenAsync() =>
        Task.FromResult<IJobStore>(SqliteJobStore.Open(_folder.Combine("jobs.db"), TestJobs.Policy));

    private protected override ValueTask CloseAsync()
    {
        ((SqliteJobStore)Store).Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
