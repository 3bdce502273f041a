namespace Brownian.Workers;

/// <summary>Room for as many stages at once as a worker has slots; a stage that has killed workers before gets all of it.</summary>
/// <param name="settings">How many slots.</param>
internal sealed class SlotRoom(WorkerSettings settings) : IDisposable
{
    private readonly SemaphoreSlim _places = new(settings.Slots, settings.Slots);
    private readonly SemaphoreSlim _alone = new(1, 1);

    /// <summary>Waits for room.</summary>
    /// <param name="alone">Whether the stage runs beside no other.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>To dispose when the stage is over.</returns>
    public async Task<IDisposable> EnterAsync(bool alone, CancellationToken cancellationToken)
    {
        if (!alone)
        {
            await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new Held(_places, 1);
        }
        // One at a time: two that each hold some places would wait for each other.
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
