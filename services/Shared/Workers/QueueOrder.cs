using Brownian.Jobs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;

namespace Brownian.Workers;

/// <summary>
/// The order in which a worker polls its queues: by class, and within a class by the age of the queue's first job. To prevent starvation, every
/// second order begins with the queues whose first job is older than a limit, whatever their class. However many those are, half of the worker's
/// takes stay for the higher classes.
/// </summary>
/// <param name="store">The store, which lists the waiting jobs.</param>
/// <param name="queues">The queues.</param>
/// <param name="maxWait">The age limit.</param>
internal sealed class QueueOrder(IJobStore store, IReadOnlyList<StageQueue> queues, TimeSpan maxWait)
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _pollInterval = maxWait < MaxPause ? maxWait : MaxPause;
    private readonly Lock _lock = new();
    private Dictionary<StageQueue, DateTimeOffset> _first = [];
    private long? _polled;
    private bool _wasOldest;

    /// <summary>
    /// Returns the order for the next take. Queries the store at most once a second; during an outage of the store the order is by class.
    /// </summary>
    public async Task<IReadOnlyList<StageQueue>> NextAsync(CancellationToken cancellationToken)
    {
        if (queues.Count < 2)
        {
            return queues;
        }
        if (TryBeginPoll())
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

    private bool TryBeginPoll()
    {
        lock (_lock)
        {
            if (_polled is { } polled && store.Clock.GetElapsedTime(polled) < _pollInterval)
            {
                return false;
            }
            _polled = store.Clock.GetTimestamp();
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
            // The queue's next job is known after the next query.
            _first.Remove(overdue[0]);
            return [.. overdue, .. byClass.Except(overdue)];
        }
    }

    /// <summary>Returns the submission time of a queue's first job; the maximum value when unknown.</summary>
    private DateTimeOffset FirstOf(StageQueue queue) => _first.GetValueOrDefault(queue, DateTimeOffset.MaxValue);
}
