namespace Brownian.Hosting;

/// <summary>The error with which a process ends by itself, so that its supervisor restarts it.</summary>
public sealed class ProcessEnd
{
    private string? _error;

    /// <summary>The first error that was reported; null when the process ends on request.</summary>
    public string? Error => Volatile.Read(ref _error);

    /// <summary>Reports an error.</summary>
    public void Fail(string error) => Interlocked.CompareExchange(ref _error, error, null);
}
