namespace Brownian.Workers;

/// <summary>Admits as many concurrent stages as a worker has slots; a stage on which workers have died before gets all slots.</summary>
/// <param name="settings">The settings with the number of slots.</param>
internal sealed class SlotRoom(WorkerSettings settings) : IDisposable
{
    private readonly SemaphoreSlim _places = new(settings.Slots, settings.Slots);
    private readonly SemaphoreSlim _alone = new(1, 1);

    /// <summary>Waits for free slots.</summary>
    /// <param name="alone">Whether the stage runs with no other beside it.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The slots, to be disposed when the stage is over.</returns>
    public async Task<IDisposable> EnterAsync(bool alone, CancellationToken cancellationToken)
    {
        if (!alone)
        {
            await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new Held(_places, 1);
        }
        // Serialized, because two stages that each hold some slots would deadlock.
        await _alone.WaitAsync(cancellationToken).ConfigureAwait(false);
        int held = 0;
        try
        {
            for (; held < settings.Slots; held++)
            {
                await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            return new Held(_places, held);
        }
        catch when (held > 0)
        {
            _places.Release(held);
            throw;
        }
        finally
        {
            _alone.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _places.Dispose();
        _alone.Dispose();
    }

    private sealed class Held(SemaphoreSlim places, int count) : IDisposable
    {
        public void Dispose() => places.Release(count);
    }
}
