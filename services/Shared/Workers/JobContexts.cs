using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;

namespace Brownian.Workers;

/// <summary>Opens the contexts of a worker's stages.</summary>
/// <param name="lifecycle">Whether the worker drains or stops.</param>
/// <param name="store">Where jobs are.</param>
/// <param name="blobs">Where values between stages are.</param>
/// <param name="artifacts">Where images are.</param>
/// <param name="policy">The rules' numbers.</param>
/// <param name="settings">How often stages report and save.</param>
internal sealed class JobContexts(
    WorkerLifecycle lifecycle, IJobStore store, IBlobStore blobs, IArtifactStore artifacts, JobPolicy policy, WorkerSettings settings)
{
    /// <summary>The store's time.</summary>
    public DateTimeOffset Now => store.Clock.GetUtcNow();

    /// <summary>The context of a job's stage, whose lease is renewed until it is disposed.</summary>
    /// <param name="taken">The job, under a lease of this worker.</param>
    public JobContext Open(StoredJob taken) =>
        new(taken, store, blobs, artifacts, policy, settings, () => lifecycle.State == WorkerState.Draining, lifecycle.Working);
}
