using System.Collections.Concurrent;

namespace Brownian.Inference.Sessions;

/// <summary>A dedicated thread for the sessions of one engine, so that synchronous runs never block a thread of the pool.</summary>
internal sealed class EngineThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    /// <param name="name">The thread's name, for debuggers.</param>
    public EngineThread(string name)
    {
        _thread = new Thread(Work) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Runs a function on the thread, after the functions queued before it.</summary>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(
            () =>
            {
                try
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    completion.SetResult(work());
                }
                catch (OperationCanceledException)
                {
                    completion.SetCanceled(cancellationToken);
                }
                catch (Exception exception)
                {
                    completion.SetException(exception);
                }
            },
            CancellationToken.None);
        return completion.Task;
    }

    /// <summary>Ends the thread after the queued functions have run.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Work()
    {
        foreach (Action work in _work.GetConsumingEnumerable())
        {
            work();
        }
    }
}
