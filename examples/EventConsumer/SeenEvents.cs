namespace Brownian.EventConsumer;

/// <summary>
/// The ids of the last events, for recognizing repetitions. A service that keeps state stores the id with the state, in one transaction.
/// </summary>
/// <param name="most">The number of ids that are kept.</param>
internal sealed class SeenEvents(int most)
{
    private readonly Lock _lock = new();
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    /// <summary>Whether an event arrives for the first time.</summary>
    public bool Add(string id)
    {
        lock (_lock)
        {
            if (!_known.Add(id))
            {
                return false;
            }
            _order.Enqueue(id);
            if (_order.Count > most)
            {
                _known.Remove(_order.Dequeue());
            }
            return true;
        }
    }
}
