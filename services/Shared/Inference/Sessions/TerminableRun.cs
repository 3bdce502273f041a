using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>Runs of a graph that a token cancels between two of the graph's operators.</summary>
internal sealed class TerminableRun : IDisposable
{
    private readonly RunOptions _options = new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
    private readonly CancellationToken _cancellationToken;
    private readonly CancellationTokenRegistration _registration;

    public TerminableRun(CancellationToken cancellationToken)
    {
        _cancellationToken = cancellationToken;
        _registration = cancellationToken.UnsafeRegister(static options => ((RunOptions)options!).Terminate = true, _options);
    }

    /// <summary>Runs a session with a binding; allocates nothing.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled before or during the run.</exception>
    public void Execute(InferenceSession session, OrtIoBinding binding)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        try
        {
            session.RunWithBinding(_options, binding);
        }
        catch (OnnxRuntimeException) when (_cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(_cancellationToken);
        }
    }

    /// <summary>Runs a function that takes run options.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled before or during the run.</exception>
    public T Execute<T>(Func<RunOptions, T> run)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return run(_options);
        }
        catch (OnnxRuntimeException) when (_cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(_cancellationToken);
        }
    }

    public void Dispose()
    {
        _registration.Dispose();
        _options.Dispose();
    }
}
