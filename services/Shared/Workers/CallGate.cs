using Brownian.Hosting;
using Brownian.Jobs.Records;

namespace Brownian.Workers;

/// <summary>
/// Admits a limited number of running and waiting calls to a stage service, as many running ones as all devices have slots, and refuses further ones.
/// </summary>
/// <param name="options">The settings with both limits.</param>
public sealed class CallGate(PlatformOptions options) : IDisposable
{
    private readonly SemaphoreSlim _slots = new(options.Slots * options.ReadDevices().Count);
    private readonly int _max = options.Slots * options.ReadDevices().Count + options.QueuedCalls;
    private int _inside;

    /// <summary>The number of running and waiting calls.</summary>
    public int Inside => Volatile.Read(ref _inside);

    /// <summary>Waits for a slot.</summary>
    /// <returns>The slot, to be disposed when the call is done.</returns>
    /// <exception cref="AdmissionException">Too many calls run or wait already.</exception>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _inside) > _max)
        {
            Interlocked.Decrement(ref _inside);
            throw new AdmissionException($"{_max} calls run or wait at this worker already; try again later");
        }
        try
        {
            await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new Slot(this);
        }
        catch
        {
            Interlocked.Decrement(ref _inside);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _slots.Dispose();

    private sealed class Slot(CallGate gate) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                Interlocked.Decrement(ref gate._inside);
                gate._slots.Release();
            }
        }
    }
}
