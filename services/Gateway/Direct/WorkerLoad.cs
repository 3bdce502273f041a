using System.Net;

namespace Brownian.Gateway.Direct;

/// <summary>What a worker has to do for this gateway.</summary>
/// <param name="endPoint">Where the worker is.</param>
internal sealed class WorkerLoad(EndPoint endPoint)
{
    private int _outstanding;

    /// <summary>Where the worker is.</summary>
    public EndPoint EndPoint => endPoint;

    /// <summary>Calls of this gateway that the worker has.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>When the worker was picked last, as a number that grows with each pick.</summary>
    public long Turn { get; set; }

    /// <summary>Counts calls.</summary>
    public void Add(int calls) => Interlocked.Add(ref _outstanding, calls);
}
