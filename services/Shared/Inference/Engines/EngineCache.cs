using Brownian.Formats.Files;

namespace Brownian.Inference.Engines;

/// <summary>
/// Loaded graphs and their leases. A graph is loaded on first use and stays loaded until memory is needed. Then graphs without a lease are unloaded,
/// the least recently used first.
/// </summary>
/// <param name="memoryLimit">The maximum size of loaded graphs, in bytes of their files.</param>
internal sealed class EngineCache(long memoryLimit) : IDisposable
{
    /// <summary>The number of adapter sets whose graphs stay loaded without a lease.</summary>
    private const int MaxAdapted = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<EngineKey, Entry> _entries = [];

    /// <summary>Graphs that are no longer served, and unloaded after their last lease.</summary>
    private readonly HashSet<Entry> _dropped = [];

    private readonly CancellationTokenSource _stopping = new();
    private Task _disposals = Task.CompletedTask;
    private bool _isDisposed;
    private long _clock;

    /// <summary>Cancelled when the cache is disposed, to stop loads in progress.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>The currently loaded graphs.</summary>
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

    /// <summary>The size of the currently loaded graphs, in bytes of their files.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _entries.Values.Sum(entry => entry.Bytes);
            }
        }
    }

    /// <summary>Whether all loads and disposals of the graphs dropped so far have finished.</summary>
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

    /// <summary>Leases a graph, and loads it first when needed.</summary>
    /// <param name="key">The graph.</param>
    /// <param name="size">Returns the size of its files in bytes.</param>
    /// <param name="load">Loads the graph.</param>
    /// <param name="cancellationToken">Stops waiting. The graph is loaded nevertheless, for the next caller.</param>
    /// <exception cref="ModelException">The graph cannot be loaded.</exception>
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
                // The failed load was started by another caller on an earlier state of the files, so this caller loads again.
                Release(key, entry);
            }
            catch
            {
                Release(key, entry);
                throw;
            }
        }
    }

    /// <summary>Leases a graph that is loaded when the returned delegate is first called.</summary>
    /// <param name="key">The graph.</param>
    /// <param name="size">Returns the size of its files in bytes.</param>
    /// <param name="load">Loads the graph.</param>
    public EngineLease<Func<T>> LeaseLazily<T>(EngineKey key, Func<long> size, Func<T> load)
        where T : class, IDisposable
    {
        Entry entry = Lease(key, size, load, out _);
        return new EngineLease<Func<T>>(() => (T)entry.Engine.Value.GetAwaiter().GetResult(), () => Release(key, entry));
    }

    /// <summary>Forgets a model's graphs: they are loaded again at the next lease, and those that are leased are unloaded after it.</summary>
    public void Drop(string model)
    {
        var idle = new List<Entry>();
        lock (_lock)
        {
            foreach ((EngineKey key, Entry entry) in _entries.Where(pair => pair.Key.Model == model).ToArray())
            {
                _entries.Remove(key);
                if (entry.Leases == 0)
                {
                    idle.Add(entry);
                }
                else
                {
                    _dropped.Add(entry);
                }
            }
        }
        idle.ForEach(entry => Follow(entry.DisposeWhenLoaded()));
    }

    /// <summary>Drops every graph without a lease. The graphs are unloaded when this method returns.</summary>
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
    /// Stops loads in progress and drops every graph. When this method returns, no thread runs code of ONNX Runtime: a process that exits while one
    /// does would crash.
    /// </summary>
    public void Dispose()
    {
        Entry[] entries;
        lock (_lock)
        {
            entries = [.. _entries.Values, .. _dropped];
            _entries.Clear();
            _dropped.Clear();
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
        // Loads that failed or were cancelled are ignored.
        disposals.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        _stopping.Dispose();
    }

    /// <summary>Adds a task that <see cref="Dispose"/> waits for.</summary>
    private void Follow(Task disposal)
    {
        lock (_lock)
        {
            _disposals = _disposals.IsCompleted ? disposal : Task.WhenAll(_disposals, disposal);
        }
    }

    /// <summary>Returns the entry of a graph, or creates one and makes room for it. A failed load is replaced by a new one.</summary>
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
        foreach (Entry removed in evicted)
        {
            Follow(removed.DisposeWhenLoaded());
        }
        return entry;
    }

    private void Release(EngineKey key, Entry entry)
    {
        bool isUnused;
        lock (_lock)
        {
            entry.Leases--;
            isUnused = entry.Leases == 0 && _dropped.Remove(entry);
            entry.Used = ++_clock;
            // The files of a graph that could not be loaded may exist at the next request.
            if (entry.IsFailed && _entries.GetValueOrDefault(key) == entry)
            {
                _entries.Remove(key);
            }
        }
        if (isUnused)
        {
            Follow(entry.DisposeWhenLoaded());
        }
    }

    /// <summary>Makes room for a number of bytes, and for one more graph among the adapted graphs.</summary>
    private void Evict(long needed, bool isAdapted, List<Entry> evicted)
    {
        long loaded = Bytes;
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

        /// <summary>Whether loading was tried and failed.</summary>
        public bool IsFailed => Engine is { IsValueCreated: true, Value: { IsCompleted: true, IsCompletedSuccessfully: false } };

        public int Leases { get; set; }

        public long Used { get; set; }

        /// <param name="options">
        /// The continuation options. By default the graph is disposed on another thread, so that the caller does not wait for a run in progress.
        /// </param>
        /// <returns>A task that completes when the graph was loaded and disposed, or could not be loaded.</returns>
        public Task DisposeWhenLoaded(TaskContinuationOptions options = TaskContinuationOptions.None) => !Engine.IsValueCreated
            ? Task.CompletedTask
            : Engine.Value.ContinueWith(
                static loaded =>
                    loaded.GetAwaiter().GetResult().Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion | options,
                    TaskScheduler.Default);
    }
}
