namespace Brownian.Hosting;

/// <summary>Why a process ends by itself with an error, so that its supervisor starts it anew.</summary>
public sealed class ProcessEnd
{
    private string? _error;

    /// <summary>The first error that was reported; null where the process ends because it was asked to.</summary>
    public string? Error => Volatile.Read(ref _error);

    /// <summary>Reports an error.</summary>
    public void Fail(string error) => Interlocked.CompareExchange(ref _error, error, null);
}
