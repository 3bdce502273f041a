namespace Brownian.Scaling.Tests.Simulation;

/// <summary>A clock that a simulation sets.</summary>
internal sealed class SimulatedTime : TimeProvider
{
    private long _seconds;

    /// <summary>The seconds since the beginning.</summary>
    public int Seconds
    {
        set => Volatile.Write(ref _seconds, value);
    }

    public override long TimestampFrequency => 1;

    public override long GetTimestamp() => Volatile.Read(ref _seconds);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(Volatile.Read(ref _seconds));
}
