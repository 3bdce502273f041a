namespace Brownian.Jobs.Records;

/// <summary>The callbacks of <see cref="IJobStore.OnPosted"/>.</summary>
public sealed class PostSignals
{
    private Action<StoredJob, IReadOnlyList<IntegrationEventKind>>? _callbacks;

    /// <summary>Calls back whenever a write put events into the outbox, until the returned registration is disposed.</summary>
    public IDisposable Add(Action<StoredJob, IReadOnlyList<IntegrationEventKind>> posted)
    {
        Change(callbacks => callbacks + posted);
        return new Registration(() => Change(callbacks => callbacks - posted));
    }

    /// <summary>Invokes the callbacks.</summary>
    public void Raise(StoredJob job, IReadOnlyList<IntegrationEventKind> kinds) => Volatile.Read(ref _callbacks)?.Invoke(job, kinds);

    private void Change(
        Func<Action<StoredJob, IReadOnlyList<IntegrationEventKind>>?, Action<StoredJob, IReadOnlyList<IntegrationEventKind>>?> change)
    {
        Action<StoredJob, IReadOnlyList<IntegrationEventKind>>? before;
        do
        {
            before = Volatile.Read(ref _callbacks);
        }
        while (Interlocked.CompareExchange(ref _callbacks, change(before), before) != before);
    }

    private sealed class Registration(Action remove) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                remove();
            }
        }
    }
}
