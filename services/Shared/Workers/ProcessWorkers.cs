using Microsoft.Extensions.Hosting;

namespace Brownian.Workers;

/// <summary>The workers of this process; when the last one has emptied its queues, the process stops.</summary>
/// <param name="process">The process.</param>
public sealed class ProcessWorkers(IHostApplicationLifetime process)
{
    private int _count;

    /// <summary>
    /// Counts a worker. Every worker is created before one of them can leave, because the host creates its services before it starts them.
    /// </summary>
    internal void Add() => Interlocked.Increment(ref _count);

    /// <summary>Stops the process when the worker is the last one.</summary>
    internal void Leave()
    {
        if (Interlocked.Decrement(ref _count) == 0)
        {
            process.StopApplication();
        }
    }
}
