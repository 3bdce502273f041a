using System.Collections.Concurrent;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.InProcess;
using Brownian.Models.Facts;

namespace Brownian.Workers.Tests;

/// <summary>A catalogue that records every announcement of the workers, and that can lose the first ones of readiness.</summary>
/// <param name="lost">How many announcements of readiness are lost.</param>
internal sealed class ScriptedCatalog(int lost = 0) : ICatalog
{
    private readonly MemoryCatalog _catalog = new();
    private readonly ConcurrentQueue<WorkerCard> _announced = new();
    private readonly TaskCompletionSource _announcedAfter = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isDescribed;
    private int _lost = lost;

    /// <summary>Whether another worker serves other files under the same names.</summary>
    public volatile bool Contradicts;

    /// <summary>Every announcement that arrived, in order.</summary>
    public IReadOnlyList<WorkerCard> Announced => [.. _announced];

    /// <summary>Ends with the first announcement after a model was described, which is the last one before the worker is ready.</summary>
    public Task AnnouncedAfterDescription => _announcedAfter.Task;

    public async Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken)
    {
        if (worker.State == WorkerState.Ready && Interlocked.Decrement(ref _lost) >= 0)
        {
            throw new PlatformUnavailableException(PlatformPart.JobStore, "the catalogue is unavailable");
        }
        if (Contradicts && worker.Models.Count > 0)
        {
            throw new ModelException("another worker serves other files under this name");
        }
        await _catalog.PublishAsync(worker, cancellationToken);
        _announced.Enqueue(worker);
        if (_isDescribed)
        {
            _announcedAfter.TrySetResult();
        }
    }

    public async Task PublishAsync(ModelCard model, CancellationToken cancellationToken)
    {
        await _catalog.PublishAsync(model, cancellationToken);
        _isDescribed = true;
    }

    public Task PublishAsync(ModelSignature signature, CancellationToken cancellationToken) => _catalog.PublishAsync(signature, cancellationToken);

    public Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken) =>
        _catalog.FindSignatureAsync(name, fingerprint, cancellationToken);

    public Task RemoveAsync(string worker, CancellationToken cancellationToken) => _catalog.RemoveAsync(worker, cancellationToken);

    public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken) => _catalog.WorkersAsync(cancellationToken);

    public Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken) => _catalog.ModelsAsync(cancellationToken);

    public Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken) => _catalog.FindModelAsync(name, cancellationToken);

    public Task PublishAsync(IReadOnlyCollection<CostSample> samples, CancellationToken cancellationToken) =>
        _catalog.PublishAsync(samples, cancellationToken);

    public Task<StageCosts> CostsAsync(CancellationToken cancellationToken) => _catalog.CostsAsync(cancellationToken);
}
