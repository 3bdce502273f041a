using Brownian.Jobs.Catalog;

namespace Brownian.Workers;

/// <summary>
/// The state of a worker: starting, ready, paused, draining, and the tokens by which its slots learn of a change. Every change is made under one
/// lock, and reported by its return value to the caller that made it.
/// </summary>
internal sealed class WorkerLifecycle : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _takes = new();
    private readonly CancellationTokenSource _works = new();
    private TaskCompletionSource _resumed = Completed();
    private CancellationTokenSource _pauses = new();
    private CancellationTokenSource _serves = new();
    private int _busy;

    /// <summary>Whether it takes work.</summary>
    public WorkerState State { get; private set; }

    /// <summary>Why it cannot start or serve now, or null.</summary>
    public string? Problem { get; set; }

    /// <summary>Stages that run now.</summary>
    public int Busy => Volatile.Read(ref _busy);

    /// <summary>Cancelled when it takes nothing more, for good.</summary>
    public CancellationToken Taking => _takes.Token;

    /// <summary>Cancelled when what it works on must be handed back as it is.</summary>
    public CancellationToken Working => _works.Token;

    /// <summary>Cancelled when what it serves is not what it announced: it starts again.</summary>
    public CancellationToken Serving => _serves.Token;

    /// <summary>Cancelled by the next pause.</summary>
    public CancellationToken NextPause
    {
        get
        {
            lock (_lock)
            {
                return _pauses.Token;
            }
        }
    }

    /// <summary>Begins to start, at first or again.</summary>
    public void Start()
    {
        if (_serves.IsCancellationRequested)
        {
            // Not disposed: a heartbeat may hold it.
            _serves = new CancellationTokenSource();
        }
    }

    /// <summary>It has started, and takes work unless it was paused meanwhile.</summary>
    public void SetReady()
    {
        lock (_lock)
        {
            if (State == WorkerState.Starting)
            {
                State = WorkerState.Ready;
            }
        }
    }

    /// <summary>
    /// Another worker serves other files under the same names: its slots end their stages and take no more until it has started again.
    /// </summary>
    public async Task RestartAsync(string problem)
    {
        Problem = problem;
        lock (_lock)
        {
            State = State == WorkerState.Ready ? WorkerState.Starting : State;
        }
        await _serves.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>Takes nothing new until it is resumed.</summary>
    /// <param name="state"><see cref="WorkerState.Paused"/> or <see cref="WorkerState.Draining"/>.</param>
    /// <returns>Whether it took work, or was paused, until now.</returns>
    public bool TryPause(WorkerState state)
    {
        lock (_lock)
        {
            if (State != WorkerState.Ready && !(State == WorkerState.Paused && state == WorkerState.Draining))
            {
                return false;
            }
            if (State == WorkerState.Ready)
            {
                _resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _pauses.Cancel();
            }
            State = state;
            return true;
        }
    }

    /// <summary>Takes work again.</summary>
    /// <returns>Whether it was paused; a worker that drains for good is asked to stop, and stays so.</returns>
    public bool TryResume()
    {
        lock (_lock)
        {
            if (State is not (WorkerState.Paused or WorkerState.Draining) || _takes.IsCancellationRequested)
            {
                return false;
            }
            State = WorkerState.Ready;
            _pauses.Dispose();
            _pauses = new CancellationTokenSource();
            _resumed.TrySetResult();
            return true;
        }
    }

    /// <summary>Drains for good.</summary>
    /// <returns>Whether it does only now.</returns>
    public bool TryDrain()
    {
        lock (_lock)
        {
            if (_takes.IsCancellationRequested)
            {
                return false;
            }
            State = WorkerState.Draining;
            return true;
        }
    }

    /// <summary>Ends when it is not paused.</summary>
    public Task ResumedAsync()
    {
        lock (_lock)
        {
            return _resumed.Task.WaitAsync(_takes.Token);
        }
    }

    /// <summary>Counts a stage as running until what it returns is disposed.</summary>
    public IDisposable Work() => new Stage(this);

    /// <summary>Cancels <see cref="Taking"/>.</summary>
    public Task StopTakingAsync() => _takes.CancelAsync();

    /// <summary>Cancels <see cref="Working"/>.</summary>
    public Task StopWorkingAsync() => _works.CancelAsync();

    /// <summary>Cancels <see cref="Working"/>, at once or after a time.</summary>
    public void StopWorkingAfter(TimeSpan time) => _works.CancelAfter(time);

    /// <inheritdoc/>
    public void Dispose()
    {
        _takes.Dispose();
        _works.Dispose();
        _pauses.Dispose();
        _serves.Dispose();
    }

    private static TaskCompletionSource Completed()
    {
        var completed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        completed.SetResult();
        return completed;
    }

    private sealed class Stage : IDisposable
    {
        private readonly WorkerLifecycle _lifecycle;

        public Stage(WorkerLifecycle lifecycle)
        {
            _lifecycle = lifecycle;
            Interlocked.Increment(ref lifecycle._busy);
        }

        public void Dispose() => Interlocked.Decrement(ref _lifecycle._busy);
    }
}
