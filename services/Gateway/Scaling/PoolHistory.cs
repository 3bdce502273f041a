namespace Brownian.Gateway.Scaling;

/// <summary>
/// What was observed of a pool's work in the last minutes, and the replicas that follow from it.
/// </summary>
/// <remarks>
/// The work that waits, divided by the target, gives the replicas with which no stage waits longer than the target. That alone would remove replicas
/// whenever a backlog is worked off, and add them again. So the replicas that arriving work keeps busy are kept: the arriving work of a second is the
/// mean number of replicas that were busy, plus the growth of the backlog. Of a fraction f of a replica above n whole ones, one is kept if adding it
/// again and again would cost more than keeping it: the backlog needs n * target / f seconds to grow until one more is wanted, and
/// n * target / (1 - f) to be worked off; over both, a kept replica is idle for n * target / f seconds, and an added one loads for the load time.
/// </remarks>
internal sealed class PoolHistory
{
    /// <summary>The time over which arriving work is measured.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    /// <summary>The time for which nothing is known about arriving work after the start.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(1);

    /// <summary>Observations closer than this replace each other, so that their number is bounded.</summary>
    private static readonly TimeSpan Apart = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly List<(TimeSpan Time, double Seconds, double Busy)> _observed = [];
    private TimeSpan? _lastWork;
    private double? _loadSeconds;

    /// <summary>When the pool was last observed.</summary>
    public TimeSpan Seen { get; private set; }

    /// <summary>Adds an observation.</summary>
    /// <param name="now">The time since any moment.</param>
    /// <param name="seconds">The seconds of work that wait or run.</param>
    /// <param name="busy">The replicas' worth of running stages.</param>
    /// <param name="loadSeconds">The measured load time of the pool's workers; null when it has none, and the last one stays.</param>
    public void Observe(TimeSpan now, double seconds, double busy, double? loadSeconds)
    {
        lock (_lock)
        {
            Seen = now;
            _loadSeconds = loadSeconds ?? _loadSeconds;
            _lastWork = seconds > 0 || busy > 0 ? now : _lastWork;
            if (_observed.Count > 1 && now - _observed[^2].Time < Apart)
            {
                _observed.RemoveAt(_observed.Count - 1);
            }
            _observed.Add((now, seconds, busy));
            int old = _observed.FindIndex(observed => observed.Time >= now - Window);
            _observed.RemoveRange(0, Math.Max(0, old));
        }
    }

    /// <summary>
    /// Whether a replica is wanted: there is work, or there was within the time by which the load time of a replica exceeds the cooldown. So the last
    /// replica is kept at least as long as loading it again would take.
    /// </summary>
    public bool IsActive(ScaledPool pool)
    {
        lock (_lock)
        {
            double kept = pool.Drains ? 0 : Math.Max(0, (_loadSeconds ?? pool.LoadSeconds) - pool.CooldownSeconds);
            return _lastWork is { } last && Seen - last <= TimeSpan.FromSeconds(kept);
        }
    }

    /// <summary>Returns the metric of the whole pool: the seconds of work, or the target times the replicas that are kept if that is more.</summary>
    public double Metric(ScaledPool pool)
    {
        lock (_lock)
        {
            double seconds = _observed.Count > 0 ? _observed[^1].Seconds : 0;
            return pool.Drains ? seconds : Math.Max(seconds, pool.TargetSeconds * Kept(pool));
        }
    }

    /// <summary>Returns the number of replicas that arriving work keeps busy.</summary>
    private double Kept(ScaledPool pool)
    {
        TimeSpan time = _observed.Count > 1 ? _observed[^1].Time - _observed[0].Time : TimeSpan.Zero;
        if (time < Shortest)
        {
            return 0;
        }
        double busy = 0;
        for (int i = 1; i < _observed.Count; i++)
        {
            busy += (_observed[i].Time - _observed[i - 1].Time).TotalSeconds * (_observed[i].Busy + _observed[i - 1].Busy) / 2;
        }
        double arriving = Math.Max(0, (busy + _observed[^1].Seconds - _observed[0].Seconds) / time.TotalSeconds);
        double whole = Math.Floor(arriving), fraction = arriving - whole;
        double load = _loadSeconds ?? pool.LoadSeconds;
        return whole > 0 && fraction * load > whole * pool.TargetSeconds ? whole + 1 : whole;
    }
}
