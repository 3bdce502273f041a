using System.Net;

namespace Brownian.Gateway.Direct;

/// <summary>The load of a worker by this gateway.</summary>
/// <param name="endPoint">The worker's endpoint.</param>
internal sealed class WorkerLoad(EndPoint endPoint)
{
    private int _outstanding;

    /// <summary>The worker's endpoint.</summary>
    public EndPoint EndPoint => endPoint;

    /// <summary>Whether the worker's port speaks TLS.</summary>
    public bool IsTls { get; set; }

    /// <summary>The host name in the worker's certificate; null for that of its endpoint.</summary>
    public string? ServerName { get; set; }

    /// <summary>The number of this gateway's calls at the worker.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>The order of the worker's last pick: a number that grows with each pick.</summary>
    public long Turn { get; set; }

    /// <summary>Adds to the number of calls.</summary>
    public void Add(int calls) => Interlocked.Add(ref _outstanding, calls);
}
