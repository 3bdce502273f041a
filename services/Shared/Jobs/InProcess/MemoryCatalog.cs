using System.Collections.Concurrent;
using Brownian.Adapters;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Models.Facts;

namespace Brownian.Jobs.InProcess;

/// <summary>The catalogue of one process.</summary>
public sealed class MemoryCatalog : ICatalog
{
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<string, WorkerCard> _workers = new();
    private readonly ConcurrentDictionary<string, ModelCard> _models = new();
    private readonly ConcurrentDictionary<string, ModelSignature> _signatures = new();
    private readonly OrderedDictionary<(StageShape Shape, string Provider), Queue<CostSample>> _costs = [];

    /// <inheritdoc/>
    public Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken)
    {
        // The check and the write are one step: of two workers that publish different files at the same time, only one may succeed.
        lock (_lock)
        {
            foreach ((string model, string fingerprint) in worker.Models)
            {
                CatalogRules.RequireOneFingerprint(model, fingerprint, worker.Id, _workers.Values);
            }
            _workers[worker.Id] = worker;
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string worker, CancellationToken cancellationToken)
    {
        _workers.TryRemove(worker, out _);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<WorkerCard>>([.. _workers.Values.OrderBy(worker => worker.Id, StringComparer.Ordinal)]);

    /// <inheritdoc/>
    public Task PublishAsync(ModelCard model, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            CatalogRules.RequireOneFingerprint(model.Name, model.Fingerprint, null, _workers.Values);
            _models[model.Name] = model;
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelCard>>([.. _models.Values.OrderBy(model => model.Name, StringComparer.Ordinal)]);

    /// <inheritdoc/>
    public Task PublishAsync(ModelSignature signature, CancellationToken cancellationToken)
    {
        _signatures[signature.Model] = signature;
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken) =>
        Task.FromResult(_signatures.TryGetValue(name, out ModelSignature? signature) && signature.Fingerprint == fingerprint ? signature : null);

    /// <inheritdoc/>
    public Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken) => Task.FromResult(_models.GetValueOrDefault(name));

    /// <inheritdoc/>
    public Task PublishAsync(IReadOnlyCollection<CostSample> samples, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            foreach (CostSample sample in samples)
            {
                (StageShape, string) key = (sample.Shape, sample.Provider);
                // The shape that was measured last is the last one.
                _ = _costs.Remove(key, out Queue<CostSample>? known);
                known ??= new Queue<CostSample>();
                known.Enqueue(sample);
                if (known.Count > StageCosts.MaxSamples)
                {
                    known.Dequeue();
                }
                _costs.Add(key, known);
                if (_costs.Count > StageCosts.MaxShapes)
                {
                    _costs.RemoveAt(0);
                }
            }
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<StageCosts> CostsAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return Task.FromResult(new StageCosts(_costs.Values.SelectMany(samples => samples)));
        }
    }
}
