using System.Collections.Concurrent;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.InProcess;
using Brownian.Models.Facts;

namespace Brownian.Workers.Tests;

/// <summary>A catalogue that keeps every word of the workers, and whose first words of readiness can be lost.</summary>
/// <param name="lost">How many words of readiness are lost.</param>
internal sealed class ToldCatalog(int lost = 0) : ICatalog
{
    private readonly MemoryCatalog _catalog = new();
    private readonly ConcurrentQueue<WorkerCard> _told = new();
    private readonly TaskCompletionSource _toldAfter = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isDescribed;
    private int _lost = lost;

    /// <summary>Whether another worker serves other files under the names of whatever worker publishes its card.</summary>
    public volatile bool Contradicts;

    /// <summary>Every word that arrived, in order.</summary>
    public IReadOnlyList<WorkerCard> Told => [.. _told];

    /// <summary>Ends with the first word of a worker after a model was described, which is the last thing before it is ready.</summary>
    public Task ToldAfterDescription => _toldAfter.Task;

    public async Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken)
    {
        if (worker.State == WorkerState.Ready && Interlocked.Decrement(ref _lost) >= 0)
        {
            throw new PlatformUnavailableException(PlatformPart.JobStore, "the catalogue is away");
        }
        if (Contradicts && worker.Models.Count > 0)
        {
            throw new ModelException("another worker serves other files under this name");
        }
        await _catalog.PublishAsync(worker, cancellationToken);
        _told.Enqueue(worker);
        if (_isDescribed)
        {
            _toldAfter.TrySetResult();
        }
    }

    public async Task PublishAsync(ModelCard model, CancellationToken cancellationToken)
    {
        await _catalog.PublishAsync(model, cancellationToken);
        _isDescribed = true;
    }

    public Task PublishAsync(ModelSignature outline, CancellationToken cancellationToken) => _catalog.PublishAsync(outline, cancellationToken);

    public Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken) =>
        _catalog.FindSignatureAsync(name, fingerprint, cancellationToken);

    public Task RemoveAsync(string worker, CancellationToken cancellationToken) => _catalog.RemoveAsync(worker, cancellationToken);

    public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken) => _catalog.WorkersAsync(cancellationToken);

    public Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken) => _catalog.ModelsAsync(cancellationToken);

    public Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken) => _catalog.FindModelAsync(name, cancellationToken);
}
