namespace Brownian.Inference.Engines;

/// <summary>An engine in use: it stays loaded until this lease is disposed.</summary>
/// <param name="engine">The engine.</param>
/// <param name="release">What to do when it is not needed any more.</param>
public sealed class EngineLease<T>(T engine, Action? release = null) : IDisposable
    where T : class
{
    private Action? _release = release;

    /// <summary>The engine.</summary>
    public T Engine { get; } = engine;

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
