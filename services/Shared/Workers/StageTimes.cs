using System.Collections.Concurrent;
using Brownian.Jobs.Costs;

namespace Brownian.Workers;

/// <summary>The times of stages that a worker has measured and not published yet.</summary>
internal sealed class StageTimes
{
    /// <summary>While the catalogue cannot be reached, older times are dropped.</summary>
    private const int Max = 1000;

    private readonly ConcurrentQueue<CostSample> _samples = new();

    /// <summary>Adds a time.</summary>
    public void Add(CostSample sample)
    {
        _samples.Enqueue(sample);
        while (_samples.Count > Max)
        {
            _samples.TryDequeue(out _);
        }
    }

    /// <summary>Removes and returns all times.</summary>
    public IReadOnlyList<CostSample> TakeAll()
    {
        var all = new List<CostSample>();
        while (_samples.TryDequeue(out CostSample? sample))
        {
            all.Add(sample);
        }
        return all;
    }
}
