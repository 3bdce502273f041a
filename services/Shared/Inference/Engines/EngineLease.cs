namespace Brownian.Inference.Engines;

/// <summary>A lease of an engine. The engine stays loaded until the lease is disposed.</summary>
/// <param name="engine">The engine.</param>
/// <param name="release">Called when the lease is disposed.</param>
public sealed class EngineLease<T>(T engine, Action? release = null) : IDisposable
    where T : class
{
    private Action? _release = release;

    /// <summary>The engine.</summary>
    public T Engine { get; } = engine;

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
