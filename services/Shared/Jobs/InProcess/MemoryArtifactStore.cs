using System.Collections.Concurrent;
using Brownian.Jobs.Artifacts;

namespace Brownian.Jobs.InProcess;

/// <summary>Stores files in memory, for a process that persists nothing.</summary>
/// <param name="clock">The clock for files with a lifetime.</param>
public sealed class MemoryArtifactStore(TimeProvider clock) : IArtifactStore
{
    private readonly ConcurrentDictionary<string, (byte[] Bytes, DateTimeOffset? Expires)> _files = new();

    /// <inheritdoc/>
    public Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        foreach ((string known, (byte[] Bytes, DateTimeOffset? Expires) file) in _files)
        {
            if (file.Expires <= now)
            {
                // Removes only the entry that was read: another caller may have touched or replaced it since.
                _files.TryRemove(KeyValuePair.Create(known, file));
            }
        }
        _files[id] = (bytes.ToArray(), now + lifetime);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken) =>
        Task.FromResult(
            _files.TryGetValue(id, out (byte[] Bytes, DateTimeOffset? Expires) file) && !(file.Expires <= clock.GetUtcNow()) ? file.Bytes : null);

    /// <inheritdoc/>
    public Task<bool> TouchAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        while (_files.TryGetValue(id, out (byte[] Bytes, DateTimeOffset? Expires) file) && !(file.Expires <= now))
        {
            if (file.Expires is null || file.Expires >= now + lifetime || _files.TryUpdate(id, (file.Bytes, now + lifetime), file))
            {
                return Task.FromResult(true);
            }
        }
        return Task.FromResult(false);
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        _files.TryRemove(id, out _);
        return Task.CompletedTask;
    }
}
