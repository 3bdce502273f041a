using Brownian.Formats.Files;

namespace Brownian.Inference.Engines;

/// <summary>
/// Loaded graphs and their leases. A graph is loaded when it is first wanted, and stays until memory is short: then those go that no lease holds,
/// the least recently used first.
/// </summary>
/// <param name="memoryLimit">Bytes of graph files to keep loaded.</param>
internal sealed class EngineCache(long memoryLimit) : IDisposable
{
    /// <summary>The number of adapter sets whose graphs stay loaded without a lease.</summary>
    private const int MaxAdapted = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<EngineKey, Entry> _entries = [];
    private readonly CancellationTokenSource _stopping = new();
    private Task _disposals = Task.CompletedTask;
    private bool _isDisposed;
    private long _clock;

    /// <summary>Cancelled when the cache is disposed: loads that are under way stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>The graphs that are loaded now.</summary>
    public IReadOnlyList<EngineKey> Loaded
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries.Keys];
            }
        }
    }

    /// <summary>Whether no graph is being loaded or disposed for what was dropped so far.</summary>
    public bool IsSettled
    {
        get
        {
            lock (_lock)
            {
                return _disposals.IsCompleted;
            }
        }
    }

    /// <summary>Leases a graph; loads it first where it is not loaded.</summary>
    /// <param name="key">Which graph.</param>
    /// <param name="size">Bytes of its files.</param>
    /// <param name="load">Loads it.</param>
    /// <param name="cancellationToken">Stops waiting; the graph is loaded all the same, for the next one.</param>
    /// <exception cref="ModelException">It cannot be loaded.</exception>
    public async Task<EngineLease<T>> LeaseAsync<T>(EngineKey key, Func<long> size, Func<T> load, CancellationToken cancellationToken)
        where T : class, IDisposable
    {
        while (true)
        {
            Entry entry = Lease(key, size, load, out bool isNew);
            try
            {
                var engine = (T)await entry.Engine.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
                return new EngineLease<T>(engine, () => Release(key, entry));
            }
            catch (Exception) when (!isNew && entry.IsFailed && !cancellationToken.IsCancellationRequested)
            {
                // Another caller's load, begun on files as they were then: this one loads for itself.
                Release(key, entry);
            }
            catch
            {
                Release(key, entry);
                throw;
            }
        }
    }

    /// <summary>Leases a graph that is loaded when the returned engine is first called.</summary>
    /// <param name="key">Which graph.</param>
    /// <param name="size">Bytes of its files.</param>
    /// <param name="load">Loads it.</param>
    public EngineLease<Func<T>> LeaseLazily<T>(EngineKey key, Func<long> size, Func<T> load)
        where T : class, IDisposable
    {
        Entry entry = Lease(key, size, load, out _);
        return new EngineLease<Func<T>>(() => (T)entry.Engine.Value.GetAwaiter().GetResult(), () => Release(key, entry));
    }

    /// <summary>Drops every graph that no lease holds. They are unloaded when this returns.</summary>
    public void Unload()
    {
        Entry[] idle;
        lock (_lock)
        {
            idle = [.. _entries.Values.Where(entry => entry.Leases == 0)];
            foreach (EngineKey key in _entries.Where(entry => entry.Value.Leases == 0).Select(entry => entry.Key).ToArray())
            {
                _entries.Remove(key);
            }
        }
        foreach (Entry entry in idle)
        {
            Follow(entry.DisposeWhenLoaded(TaskContinuationOptions.ExecuteSynchronously));
        }
    }

    /// <summary>
    /// Stops loads that are under way, and drops every graph. When this returns no thread is inside the library: a process that ended while one
    /// is would crash.
    /// </summary>
    public void Dispose()
    {
        Entry[] entries;
        lock (_lock)
        {
            entries = [.. _entries.Values];
            _entries.Clear();
            if (_isDisposed)
            {
                return;
            }
            _isDisposed = true;
        }
        _stopping.Cancel();
        foreach (Entry entry in entries)
        {
            Follow(entry.DisposeWhenLoaded());
        }
        Task disposals;
        lock (_lock)
        {
            disposals = _disposals;
        }
        // Loads that failed or were stopped are of no interest any more.
        disposals.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        _stopping.Dispose();
    }

    /// <summary>Keeps what <see cref="Dispose"/> waits for.</summary>
    private void Follow(Task disposal)
    {
        lock (_lock)
        {
            _disposals = _disposals.IsCompleted ? disposal : Task.WhenAll(_disposals, disposal);
        }
    }

    /// <summary>What is loaded, or will be when it is asked for; makes room for it. What failed to load is loaded anew.</summary>
    private Entry Lease(EngineKey key, Func<long> size, Func<IDisposable> load, out bool isNew)
    {
        Entry? entry;
        var evicted = new List<Entry>();
        lock (_lock)
        {
            isNew = !_entries.TryGetValue(key, out entry) || entry.IsFailed;
            if (isNew)
            {
                _entries.Remove(key);
                long bytes = size();
                Evict(bytes, key.Adapters.Length > 0, evicted);
                entry = new Entry(bytes, new Lazy<Task<IDisposable>>(() => Task.Run(load)));
                _entries.Add(key, entry);
            }
            entry!.Leases++;
            entry.Used = ++_clock;
        }
        foreach (Entry gone in evicted)
        {
            Follow(gone.DisposeWhenLoaded());
        }
        return entry;
    }

    private void Release(EngineKey key, Entry entry)
    {
        lock (_lock)
        {
            entry.Leases--;
            entry.Used = ++_clock;
            // A graph that could not be loaded may be there next time.
            if (entry.IsFailed && _entries.GetValueOrDefault(key) == entry)
            {
                _entries.Remove(key);
            }
        }
    }

    /// <summary>Makes room: for the bytes, and among the adapted graphs for one more.</summary>
    private void Evict(long needed, bool isAdapted, List<Entry> evicted)
    {
        long loaded = _entries.Values.Sum(entry => entry.Bytes);
        int adapted = _entries.Keys.Count(key => key.Adapters.Length > 0) + (isAdapted ? 1 : 0);
        foreach ((EngineKey key, Entry entry) in _entries.Where(pair => pair.Value.Leases == 0).OrderBy(pair => pair.Value.Used).ToArray())
        {
            bool isOverfull = key.Adapters.Length > 0 && adapted > MaxAdapted;
            if (loaded + needed <= memoryLimit && !isOverfull)
            {
                continue;
            }
            _entries.Remove(key);
            evicted.Add(entry);
            loaded -= entry.Bytes;
            adapted -= key.Adapters.Length > 0 ? 1 : 0;
        }
    }

    private sealed class Entry(long bytes, Lazy<Task<IDisposable>> engine)
    {
        public long Bytes { get; } = bytes;

        public Lazy<Task<IDisposable>> Engine { get; } = engine;

        /// <summary>Whether it was tried to be loaded, without success.</summary>
        public bool IsFailed => Engine is { IsValueCreated: true, Value: { IsCompleted: true, IsCompletedSuccessfully: false } };

        public int Leases { get; set; }

        public long Used { get; set; }

        /// <param name="options">Where: on another thread, so that the caller does not wait for a run that is under way.</param>
        /// <returns>Ends when the graph is loaded and gone, or could not be loaded.</returns>
        public Task DisposeWhenLoaded(TaskContinuationOptions options = TaskContinuationOptions.None) => !Engine.IsValueCreated
            ? Task.CompletedTask
            : Engine.Value.ContinueWith(
                static loaded =>
                    loaded.GetAwaiter().GetResult().Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion | options,
                    TaskScheduler.Default);
    }
}
