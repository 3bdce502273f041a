using System.Collections.Concurrent;
using Brownian.Jobs;
using Brownian.Jobs.Artifacts;

namespace Brownian.Testing.Nodes;

/// <summary>A store of files that records its files, and fails for the ids that a test sets.</summary>
internal sealed class RecordedArtifactStore(IArtifactStore inner) : IArtifactStore
{
    private readonly ConcurrentDictionary<string, int> _held = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _stored = new();

    /// <summary>Ids and sizes of the files it holds.</summary>
    public IReadOnlyList<string> Held => [.. _held.Select(file => $"{file.Key} {file.Value}").Order(StringComparer.Ordinal)];

    /// <summary>The ids of all files ever stored, in order.</summary>
    public IReadOnlyList<string> Stored => [.. _stored];

    /// <summary>Whether storing a file of the id fails after it is stored, in the way of a lost answer.</summary>
    public Func<string, bool> Fails { get; set; } = _ => false;

    public async Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken)
    {
        await inner.PutAsync(id, bytes, lifetime, cancellationToken);
        _held[id] = bytes.Length;
        _stored.Enqueue(id);
        if (Fails(id))
        {
            throw new PlatformUnavailableException(PlatformPart.FileStore, "told to fail");
        }
    }

    public Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken) => inner.GetAsync(id, cancellationToken);

    public Task<bool> TouchAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken) =>
        inner.TouchAsync(id, lifetime, cancellationToken);

    public async Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        await inner.RemoveAsync(id, cancellationToken);
        _held.TryRemove(id, out _);
    }
}
