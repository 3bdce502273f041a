using System.Collections.Frozen;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;

namespace Brownian.Workers;

/// <summary>The queues that a worker takes from, which change with its models.</summary>
/// <param name="store">The store, which lists the waiting jobs.</param>
/// <param name="maxWait">The age from which a job is taken ahead of newer ones of higher classes.</param>
internal sealed class ServedQueues(IJobStore store, TimeSpan maxWait)
{
    private State _current = new([], new QueueOrder(store, [], maxWait), new CancellationTokenSource());

    /// <summary>The queues at this time.</summary>
    public State Current => Volatile.Read(ref _current);

    /// <summary>Replaces the queues; slots that wait for a message wait for those of the new ones.</summary>
    public void Set(IReadOnlyList<StageQueue> queues)
    {
        // Not disposed, because a slot may use it.
        var next = new State(queues.ToFrozenSet(), new QueueOrder(store, queues, maxWait), new CancellationTokenSource());
        Interlocked.Exchange(ref _current, next).Replacing.Cancel();
    }

    /// <summary>The queues at one time.</summary>
    /// <param name="All">The queues.</param>
    /// <param name="Order">The order in which they are polled.</param>
    /// <param name="Replacing">Cancelled when others replace them.</param>
    public sealed record State(FrozenSet<StageQueue> All, QueueOrder Order, CancellationTokenSource Replacing);
}
