using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.V1;

namespace Brownian.Testing.Contracts;

/// <summary>A store that carries out writes and then loses the answers, in the way of a server that freezes or is killed.</summary>
internal sealed class LosingJobStore(IJobStore inner) : IJobStore
{
    private int _losses;

    public TimeProvider Clock => inner.Clock;

    /// <summary>How many of the next answers to writes are lost.</summary>
    public int Losses
    {
        get => Volatile.Read(ref _losses);
        set => Volatile.Write(ref _losses, value);
    }

    /// <summary>Whether listing the waiting jobs fails.</summary>
    public bool IsUnavailable { get; init; }

    /// <summary>Called with the written job after a write whose answer is lost.</summary>
    public Func<StoredJob, Task> Lost { get; set; } = _ => Task.CompletedTask;

    public async Task<StoredJob?> TryWriteAsync(StoredJob before, JobChange change, CancellationToken cancellationToken)
    {
        StoredJob? written = await inner.TryWriteAsync(before, change, cancellationToken);
        if (written is not null && Interlocked.Decrement(ref _losses) >= 0)
        {
            await Lost(written);
            throw new PlatformUnavailableException(PlatformPart.JobStore, "the answer is lost");
        }
        return written;
    }

    public Task<StoredJob?> CreateAsync(StoredJob job, Admission admission, CancellationToken cancellationToken) =>
        inner.CreateAsync(job, admission, cancellationToken);

    public Task<long> AdmitAsync(DirectCall direct, Admission admission, TimeSpan lease, CancellationToken cancellationToken) =>
        inner.AdmitAsync(direct, admission, lease, cancellationToken);

    public Task RenewAsync(DirectCall direct, TimeSpan lease, CancellationToken cancellationToken) =>
        inner.RenewAsync(direct, lease, cancellationToken);

    public Task EndAsync(DirectCall direct, long day, UsageOutcome outcome, int images, long unspent, CancellationToken cancellationToken) =>
        inner.EndAsync(direct, day, outcome, images, unspent, cancellationToken);

    public Task<TenantHeld> HeldAsync(string tenant, CancellationToken cancellationToken) => inner.HeldAsync(tenant, cancellationToken);

    public Task<long> ImageBytesAsync(string tenant, CancellationToken cancellationToken) => inner.ImageBytesAsync(tenant, cancellationToken);

    public Task<IReadOnlyList<TenantUsage>> UsageAsync(DateOnly first, DateOnly last, string? tenant, CancellationToken cancellationToken) =>
        inner.UsageAsync(first, last, tenant, cancellationToken);

    public Task<StoredJob?> FindAsync(string id, CancellationToken cancellationToken) => inner.FindAsync(id, cancellationToken);

    public Task<StoredJob?> FindByKeyAsync(string key, CancellationToken cancellationToken) => inner.FindByKeyAsync(key, cancellationToken);

    public Task<long> VersionAsync(string id, CancellationToken cancellationToken) => inner.VersionAsync(id, cancellationToken);

    public Task<IReadOnlyList<JobEvent>> EventsAsync(string id, long after, int most, CancellationToken cancellationToken) =>
        inner.EventsAsync(id, after, most, cancellationToken);

    public Task<bool> TryPutPreviewAsync(string id, long fence, JobEvent preview, CancellationToken cancellationToken) =>
        inner.TryPutPreviewAsync(id, fence, preview, cancellationToken);

    public Task<JobPreview?> FindPreviewAsync(string id, long known, CancellationToken cancellationToken) =>
        inner.FindPreviewAsync(id, known, cancellationToken);

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken) => inner.ListAsync(query, cancellationToken);

    public Task<IReadOnlyList<string>> DueAsync(int most, CancellationToken cancellationToken) => inner.DueAsync(most, cancellationToken);

    public Task<long> CountActiveAsync(CancellationToken cancellationToken) => inner.CountActiveAsync(cancellationToken);

    public Task<double> FillAsync(CancellationToken cancellationToken) => inner.FillAsync(cancellationToken);

    public Task<IReadOnlyDictionary<string, long>> WaitingAsync(CancellationToken cancellationToken) => inner.WaitingAsync(cancellationToken);

    public Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken) => inner.WorkAsync(cancellationToken);

    public Task<long> CountWaitingAsync(string queue, DateTimeOffset sentBefore, CancellationToken cancellationToken) =>
        inner.CountWaitingAsync(queue, sentBefore, cancellationToken);

    public Task<IReadOnlyList<string>> WaitingAsync(string queue, DateTimeOffset sentBefore, int most, CancellationToken cancellationToken) =>
        IsUnavailable
            ? Task.FromException<IReadOnlyList<string>>(new PlatformUnavailableException(PlatformPart.JobStore, "the store is unavailable"))
            : inner.WaitingAsync(queue, sentBefore, most, cancellationToken);

    public IDisposable OnPosted(Action<StoredJob, IReadOnlyList<IntegrationEventKind>> posted) => inner.OnPosted(posted);

    public Task<IReadOnlyList<PendingEvent>> PendingEventsAsync(DateTimeOffset postedBefore, int most, CancellationToken cancellationToken) =>
        inner.PendingEventsAsync(postedBefore, most, cancellationToken);

    public Task<bool> HasPendingEventsAsync(string id, CancellationToken cancellationToken) => inner.HasPendingEventsAsync(id, cancellationToken);

    public Task RemovePendingEventsAsync(IReadOnlyCollection<PendingEvent> published, CancellationToken cancellationToken) =>
        inner.RemovePendingEventsAsync(published, cancellationToken);

    public Task RemoveAsync(string id, CancellationToken cancellationToken) => inner.RemoveAsync(id, cancellationToken);

    public IDisposable OnChange(string id, Action changed) => inner.OnChange(id, changed);

    public Task<bool> TryLeadAsync(string name, string holder, TimeSpan time, CancellationToken cancellationToken) =>
        inner.TryLeadAsync(name, holder, time, cancellationToken);

    public Task<IReadOnlyList<string>> ConfigurationWarningsAsync(CancellationToken cancellationToken) =>
        inner.ConfigurationWarningsAsync(cancellationToken);
}
