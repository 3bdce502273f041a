using Brownian.Jobs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;

namespace Brownian.Workers;

/// <summary>
/// In which order a worker looks at its queues. Higher classes come first, and within a class the queue whose first job is the oldest. So that
/// no job waits forever behind newer ones, every second order begins with the queues whose first job is older than a bound, whatever their
/// class: however many of those there are, half of the worker stays for the higher classes.
/// </summary>
/// <param name="store">Which jobs wait.</param>
/// <param name="queues">The queues.</param>
/// <param name="maxWait">The bound.</param>
internal sealed class QueueOrder(IJobStore store, IReadOnlyList<StageQueue> queues, TimeSpan maxWait)
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _lookEvery = maxWait < MaxPause ? maxWait : MaxPause;
    private readonly Lock _lock = new();
    private Dictionary<StageQueue, DateTimeOffset> _first = [];
    private long? _looked;
    private bool _wasOldest;

    /// <summary>
    /// The order for the next take. Asks the store, but not more than once a second; an outage of it leaves the order of the classes.
    /// </summary>
    public async Task<IReadOnlyList<StageQueue>> NextAsync(CancellationToken cancellationToken)
    {
        if (queues.Count < 2)
        {
            return queues;
        }
        if (TryBeginLook())
        {
            Dictionary<StageQueue, DateTimeOffset> first = [];
            try
            {
                IReadOnlyList<string>[] ids = await Task.WhenAll(
                    queues.Select(queue => store.WaitingAsync(queue.Name, DateTimeOffset.MaxValue, 1, cancellationToken))).ConfigureAwait(false);
                foreach ((StageQueue queue, IReadOnlyList<string> oldest) in queues.Zip(ids))
                {
                    if (oldest is [var id] && JobDefinition.TimeOf(id) is { } submitted)
                    {
                        first[queue] = submitted;
                    }
                }
            }
            catch (PlatformUnavailableException)
            {
                // Messages can be taken nevertheless.
            }
            lock (_lock)
            {
                _first = first;
            }
        }
        return Next();
    }

    private bool TryBeginLook()
    {
        lock (_lock)
        {
            if (_looked is { } looked && store.Clock.GetElapsedTime(looked) < _lookEvery)
            {
                return false;
            }
            _looked = store.Clock.GetTimestamp();
            return true;
        }
    }

    private StageQueue[] Next()
    {
        lock (_lock)
        {
            DateTimeOffset bound = store.Clock.GetUtcNow() - maxWait;
            StageQueue[] byClass = [.. queues.OrderBy(queue => queue.Priority).ThenBy(FirstOf)];
            StageQueue[] overdue = [.. byClass.Where(queue => FirstOf(queue) <= bound).OrderBy(FirstOf)];
            if (_wasOldest || overdue.Length == 0 || overdue[0] == byClass[0])
            {
                _wasOldest = false;
                return byClass;
            }
            _wasOldest = true;
            // What the next job there is, is known after the next look.
            _first.Remove(overdue[0]);
            return [.. overdue, .. byClass.Except(overdue)];
        }
    }

    /// <summary>When the first job of a queue was submitted; the end of time where none is known.</summary>
    private DateTimeOffset FirstOf(StageQueue queue) => _first.GetValueOrDefault(queue, DateTimeOffset.MaxValue);
}
