using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;

namespace Brownian.Scaling.Tests.Simulation;

/// <summary>
/// A pool of replicas over simulated time, scaled by KEDA and the HPA with their documented rules. In each second stages arrive, free replicas take
/// the oldest, and the autoscalers act at their intervals.
/// </summary>
/// <param name="arrivals">The stages in the order of their arrival.</param>
/// <param name="rules">The rules of the autoscalers.</param>
/// <param name="scaler">What the autoscalers ask.</param>
internal sealed class SimulatedPool(IReadOnlyList<Arrival> arrivals, ScalingRules rules, IPoolScaler scaler)
{
    private readonly LinkedList<Waiting> _queue = new();
    private readonly List<Replica> _replicas = [];
    private readonly List<Replica> _draining = [];
    private readonly List<(int Time, int Replicas)> _recommended = [];
    private readonly List<double> _waits = [];
    private readonly List<(int Time, int Change)> _changes = [];
    private int _next;
    private int _active = int.MinValue;
    private long _cost;

    /// <summary>The time in seconds.</summary>
    public int Now { get; private set; }

    /// <summary>The work that is left, as a store sums it.</summary>
    public IReadOnlyList<PendingWork> Work =>
    [
        .. _queue.Select(waiting => (waiting.Shape, Left: waiting.Left, IsRunning: false))
            .Concat(Working.Select(replica => (replica.Stage!.Shape, Left: replica.Until - Now, IsRunning: true)))
            .GroupBy(work => (work.Shape, work.IsRunning))
            .Select(group => new PendingWork(
                JobPriority.Standard, group.Key.IsRunning, ShapeOf(group.Key.Shape), group.Count(),
                group.Sum(work => (long)Math.Ceiling(work.Left / group.Key.Shape.UnitSeconds)))),
    ];

    /// <summary>The number of stages that wait or run.</summary>
    public int Stages => _queue.Count + Working.Count();

    /// <summary>The replicas that a pool has, whether they serve already or not.</summary>
    public int Replicas => _replicas.Count;

    private IEnumerable<Replica> Working => _replicas.Concat(_draining).Where(replica => replica.Stage is not null);

    /// <summary>Returns a stage's shape as workers publish it.</summary>
    public static StageShape ShapeOf(WorkShape shape) => new("denoise", "model", "files", shape.Pixels, 2);

    /// <summary>Runs the simulation.</summary>
    /// <param name="end">The end in seconds.</param>
    public async Task<PoolReport> RunAsync(int end)
    {
        for (Now = 0; Now < end; Now++)
        {
            scaler.SetTime(Now);
            Arrive();
            Finish();
            Take();
            int wanted = await WantedAsync();
            if (wanted != _replicas.Count)
            {
                _changes.Add((Now, wanted - _replicas.Count));
                Resize(wanted);
            }
            _cost += _replicas.Count + _draining.Count;
        }
        return new PoolReport(_cost, _waits, _changes, arrivals.Sum(arrival => arrival.Seconds), _replicas.Count);
    }

    private void Arrive()
    {
        while (_next < arrivals.Count && arrivals[_next].Time <= Now)
        {
            _queue.AddLast(new Waiting(arrivals[_next].Shape, arrivals[_next].Time, arrivals[_next].Seconds, IsNew: true));
            _next++;
        }
    }

    private void Finish()
    {
        foreach (Replica replica in Working.Where(replica => replica.Until <= Now).ToArray())
        {
            replica.Stage = null;
        }
        foreach (Replica replica in _draining.Where(replica => replica.Stage is null || replica.DrainsUntil <= Now).ToArray())
        {
            if (replica.Stage is { } stage)
            {
                // It hands the stage back with its checkpoint.
                _queue.AddFirst(stage with { Left = replica.Until - Now, IsNew = false });
            }
            _draining.Remove(replica);
        }
    }

    private void Take()
    {
        foreach (Replica replica in _replicas.Where(replica => replica.ReadyAt <= Now && replica.Stage is null))
        {
            if (_queue.First is not { Value: var stage })
            {
                return;
            }
            _queue.RemoveFirst();
            (replica.Stage, replica.Until) = (stage, Now + stage.Left);
            if (stage.IsNew)
            {
                _waits.Add(Now - stage.Since);
            }
        }
    }

    private async Task<int> WantedAsync()
    {
        int count = _replicas.Count;
        // Pushed activity is acted upon at once; inactivity at the next poll after the cooldown.
        bool isActive = (count == 0 || Now % rules.PollingSeconds == 0) && await scaler.IsActiveAsync();
        _active = isActive ? Now : _active;
        if (count == 0)
        {
            return isActive ? 1 : 0;
        }
        if (Now % rules.PollingSeconds == 0 && !isActive && Now - _active >= rules.CooldownSeconds)
        {
            _recommended.Clear();
            return 0;
        }
        return Now % rules.SyncSeconds == 0 ? Stabilised(Recommended(await scaler.MetricAsync() / rules.TargetSeconds)) : count;
    }

    /// <summary>The HPA's formula for a metric of the type AverageValue, with its tolerance of a tenth.</summary>
    private int Recommended(double replicas) => Math.Abs(1 - (replicas / _replicas.Count)) <= 0.1
        ? _replicas.Count
        : Math.Clamp((int)Math.Ceiling(replicas - 1e-9), 1, rules.MaxReplicas);

    /// <summary>
    /// The HPA's default behaviour: at most four or as many replicas as there are are added at once, and as few are removed as any recommendation of
    /// the window allows.
    /// </summary>
    private int Stabilised(int recommended)
    {
        int count = _replicas.Count;
        _recommended.Add((Now, recommended));
        _recommended.RemoveAll(earlier => earlier.Time < Now - rules.StabilisationSeconds);
        return recommended > count
            ? Math.Min(recommended, Math.Max(2 * count, count + 4))
            : Math.Min(count, Math.Max(recommended, _recommended.Max(earlier => earlier.Replicas)));
    }

    /// <summary>Adds replicas, or removes them in the order of a ReplicaSet: those that are not ready, then the newest.</summary>
    private void Resize(int wanted)
    {
        while (_replicas.Count < wanted)
        {
            _replicas.Add(new Replica(Now + rules.LoadSeconds));
        }
        foreach (Replica removed in _replicas.OrderByDescending(replica => replica.ReadyAt).Take(_replicas.Count - wanted).ToArray())
        {
            _replicas.Remove(removed);
            removed.DrainsUntil = Now + rules.DrainSeconds;
            if (removed.Stage is not null)
            {
                _draining.Add(removed);
            }
        }
    }

    private sealed record Waiting(WorkShape Shape, double Since, double Left, bool IsNew);

    private sealed class Replica(int readyAt)
    {
        public int ReadyAt { get; } = readyAt;

        public Waiting? Stage { get; set; }

        public double Until { get; set; }

        public int DrainsUntil { get; set; }
    }
}

/// <summary>What the autoscalers ask.</summary>
internal interface IPoolScaler
{
    /// <summary>Sets the time that the scaler reads, in seconds.</summary>
    void SetTime(int seconds);

    /// <summary>Whether the pool needs a replica at all.</summary>
    Task<bool> IsActiveAsync();

    /// <summary>The metric of the whole pool.</summary>
    Task<double> MetricAsync();
}

/// <summary>What a simulation gave.</summary>
/// <param name="Cost">The replica-seconds.</param>
/// <param name="Waits">The seconds that each stage waited, in the order in which they were taken.</param>
/// <param name="Changes">The changes of the number of replicas.</param>
/// <param name="Work">The seconds of all stages.</param>
/// <param name="Last">The replicas at the end.</param>
internal sealed record PoolReport(
    long Cost, IReadOnlyList<double> Waits, IReadOnlyList<(int Time, int Change)> Changes, double Work, int Last)
{
    /// <summary>Returns the waiting time below which a share of the stages is.</summary>
    public double Wait(double share) => Waits.Order().ElementAt((int)(share * (Waits.Count - 1)));

    /// <summary>The replicas that were added over the whole time.</summary>
    public int Added => Changes.Where(change => change.Change > 0).Sum(change => change.Change);

    /// <summary>
    /// The number of times that replicas were added within a time after some were removed, while the pool had others: a pool at zero is woken by
    /// whatever arrives.
    /// </summary>
    /// <param name="seconds">The time.</param>
    public int Reversals(int seconds)
    {
        int replicas = 0, reversals = 0, removed = int.MinValue / 2;
        foreach ((int time, int change) in Changes)
        {
            reversals += change > 0 && replicas > 0 && time - removed < seconds ? 1 : 0;
            removed = change < 0 ? time : removed;
            replicas += change;
        }
        return reversals;
    }
}
