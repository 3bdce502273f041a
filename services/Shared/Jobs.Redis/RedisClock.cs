namespace Brownian.Jobs.Redis;

/// <summary>
/// The time of a Redis server, which all processes that use the server share. The time is measured periodically; in between it advances with this
/// machine's monotonic clock, so that setting the machine's time moves no lease. Until the first measurement it is this machine's time.
/// </summary>
public sealed class RedisClock : TimeProvider
{
    /// <summary>How long a measurement stays valid.</summary>
    internal static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _local;
    private volatile Measurement? _measurement;
    private long _measuredAt;

    /// <summary>Creates a clock that follows no server yet.</summary>
    /// <param name="local">This machine's clock.</param>
    internal RedisClock(TimeProvider local) => _local = local;

    /// <summary>Whether the clock follows the server.</summary>
    internal bool IsSet => _measurement is not null;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() =>
        _measurement is { } known ? known.Server + _local.GetElapsedTime(known.Timestamp) : _local.GetUtcNow();

    /// <summary>Whether a new measurement is due; true for only one of several callers.</summary>
    internal bool TryBeginMeasure(out long sent)
    {
        sent = _local.GetTimestamp();
        long measuredAt = Volatile.Read(ref _measuredAt);
        return (measuredAt == 0 || _local.GetElapsedTime(measuredAt, sent) >= MaxAge)
            && Interlocked.CompareExchange(ref _measuredAt, sent, measuredAt) == measuredAt;
    }

    /// <summary>Makes a new measurement due at once, because the server may be another one.</summary>
    internal void Invalidate() => Volatile.Write(ref _measuredAt, 0);

    /// <summary>Applies a measurement.</summary>
    /// <param name="server">The server's time in its answer.</param>
    /// <param name="sent">This machine's timestamp when the request was sent.</param>
    internal void Follow(DateTimeOffset server, long sent)
    {
        long received = _local.GetTimestamp();
        TimeSpan doubt = _local.GetElapsedTime(sent, received) / 2;
        // A difference within the round-trip uncertainty is ignored, because applying it would only add jitter.
        if (_measurement is null || (server + doubt - GetUtcNow()).Duration() > doubt)
        {
            _measurement = new Measurement(server + doubt, received);
        }
    }

    private sealed record Measurement(DateTimeOffset Server, long Timestamp);
}
