using System.Collections.Concurrent;

namespace Brownian.Jobs.Records;

/// <summary>Callbacks of this process for changes of jobs.</summary>
public sealed class JobSignals
{
    private readonly ConcurrentDictionary<string, Action> _callbacks = new(StringComparer.Ordinal);

    /// <summary>Calls back whenever a job changes, until the returned registration is disposed.</summary>
    public IDisposable Add(string id, Action changed)
    {
        _callbacks.AddOrUpdate(id, changed, (_, others) => others + changed);
        return new Registration(this, id, changed);
    }

    /// <summary>Invokes the callbacks of a job.</summary>
    public void Raise(string id)
    {
        if (_callbacks.TryGetValue(id, out Action? callbacks))
        {
            callbacks();
        }
    }

    /// <summary>Invokes all callbacks, after signals may have been missed: every waiter polls.</summary>
    public void RaiseAll()
    {
        foreach (Action callbacks in _callbacks.Values)
        {
            callbacks();
        }
    }

    private void Remove(string id, Action changed)
    {
        while (_callbacks.TryGetValue(id, out Action? callbacks))
        {
            Action? rest = callbacks - changed;
            if (rest is null
                ? _callbacks.TryRemove(new KeyValuePair<string, Action>(id, callbacks))
                : _callbacks.TryUpdate(id, rest, callbacks))
            {
                return;
            }
        }
    }

    private sealed class Registration(JobSignals signals, string id, Action changed) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                signals.Remove(id, changed);
            }
        }
    }
}
