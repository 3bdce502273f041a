using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;

namespace Brownian.Workers;

/// <summary>Creates the contexts of a worker's stages.</summary>
/// <param name="lifecycle">The worker's state.</param>
/// <param name="store">Stores jobs.</param>
/// <param name="blobs">Stores values between stages.</param>
/// <param name="artifacts">Stores images.</param>
/// <param name="policy">The time and retry limits.</param>
/// <param name="settings">The intervals of reports and checkpoints.</param>
internal sealed class JobContexts(
    WorkerLifecycle lifecycle, IJobStore store, IBlobStore blobs, IArtifactStore artifacts, JobPolicy policy, WorkerSettings settings)
{
    /// <summary>The store's time.</summary>
    public DateTimeOffset Now => store.Clock.GetUtcNow();

    /// <summary>Creates the context of a job's stage, whose lease is renewed until the context is disposed.</summary>
    /// <param name="taken">The job, under a lease of this worker.</param>
    public JobContext Open(StoredJob taken) =>
        new(taken, store, blobs, artifacts, policy, settings, () => lifecycle.State == WorkerState.Draining, lifecycle.Working);
}
