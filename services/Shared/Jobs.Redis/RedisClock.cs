namespace Brownian.Jobs.Redis;

/// <summary>
/// The time of a Redis server, which every process that uses it agrees on. Measured now and then; in between it runs with this machine's
/// monotonic clock, so that setting that machine's time moves no lease. Until the first measurement it is this machine's time.
/// </summary>
public sealed class RedisClock : TimeProvider
{
    /// <summary>How long a measurement is good for.</summary>
    internal static readonly TimeSpan Freshness = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _local;
    private volatile Measurement? _measurement;
    private long _asked;

    /// <summary>A clock that follows no server yet.</summary>
    /// <param name="local">This machine's clock.</param>
    internal RedisClock(TimeProvider local) => _local = local;

    /// <summary>Whether it follows the server.</summary>
    internal bool IsSet => _measurement is not null;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() =>
        _measurement is { } known ? known.Server + _local.GetElapsedTime(known.Timestamp) : _local.GetUtcNow();

    /// <summary>Whether it is time to measure again; says so to one caller.</summary>
    internal bool TryAsk(out long sent)
    {
        sent = _local.GetTimestamp();
        long asked = Volatile.Read(ref _asked);
        return (asked == 0 || _local.GetElapsedTime(asked, sent) >= Freshness) && Interlocked.CompareExchange(ref _asked, sent, asked) == asked;
    }

    /// <summary>Measure at the next occasion: the server may be another one.</summary>
    internal void Doubt() => Volatile.Write(ref _asked, 0);

    /// <summary>Takes a measurement over.</summary>
    /// <param name="server">What the server said.</param>
    /// <param name="sent">This machine's timestamp when it was asked.</param>
    internal void Follow(DateTimeOffset server, long sent)
    {
        long received = _local.GetTimestamp();
        TimeSpan doubt = _local.GetElapsedTime(sent, received) / 2;
        // A difference that the way there and back explains is none: the clock would only tremble.
        if (_measurement is null || (server + doubt - GetUtcNow()).Duration() > doubt)
        {
            _measurement = new Measurement(server + doubt, received);
        }
    }

    private sealed record Measurement(DateTimeOffset Server, long Timestamp);
}
