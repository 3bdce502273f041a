using Brownian.Jobs.Catalog;

namespace Brownian.Workers;

/// <summary>
/// The state of a worker (starting, ready, paused, draining) and the tokens that notify its slots of a change. Every change is made under one lock,
/// and its return value reports to the caller whether it was made.
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

    /// <summary>The time that loading the models and running them once took at the first start; null until the worker is ready.</summary>
    public TimeSpan? LoadTime { get; private set; }

    /// <summary>The worker's state.</summary>
    public WorkerState State { get; private set; }

    /// <summary>The reason why it cannot start or serve now, or null.</summary>
    public string? Problem { get; set; }

    /// <summary>The number of running stages.</summary>
    public int Busy => Volatile.Read(ref _busy);

    /// <summary>Cancelled when the worker takes no more stages, permanently.</summary>
    public CancellationToken Taking => _takes.Token;

    /// <summary>Cancelled when running stages must be handed back in their current state.</summary>
    public CancellationToken Working => _works.Token;

    /// <summary>Cancelled when the worker serves other files than it announced and must restart.</summary>
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

    /// <summary>Begins the first start or a restart.</summary>
    public void Start()
    {
        if (_serves.IsCancellationRequested)
        {
            // Not disposed, because a heartbeat may use it.
            _serves = new CancellationTokenSource();
        }
    }

    /// <summary>Completes the start; the worker takes stages unless it was paused in between.</summary>
    /// <param name="loadTime">The time that loading the models took.</param>
    public void SetReady(TimeSpan loadTime)
    {
        lock (_lock)
        {
            if (State == WorkerState.Starting)
            {
                State = WorkerState.Ready;
                LoadTime ??= loadTime;
            }
        }
    }

    /// <summary>
    /// Begins a restart because another worker serves other files under the same names: the slots finish their stages and take no more until the
    /// start is complete.
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

    /// <summary>Stops taking stages until the worker is resumed.</summary>
    /// <param name="state"><see cref="WorkerState.Paused"/> or <see cref="WorkerState.Draining"/>.</param>
    /// <returns>True if the worker was ready, or changed from paused to draining.</returns>
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

    /// <summary>Takes stages again.</summary>
    /// <returns>Whether the worker was paused; a permanent drain cannot be resumed.</returns>
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

    /// <summary>Starts a permanent drain.</summary>
    /// <returns>Whether the worker was not draining permanently before.</returns>
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

    /// <summary>Completes when the worker is not paused.</summary>
    public Task ResumedAsync()
    {
        lock (_lock)
        {
            return _resumed.Task.WaitAsync(_takes.Token);
        }
    }

    /// <summary>Counts a stage as running until the returned object is disposed.</summary>
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
