namespace Brownian.Inference.Sessions;

/// <summary>How sessions are made.</summary>
/// <param name="Device">What runs the graphs.</param>
/// <param name="Threads">Threads that work on one operator, 1..256; null for as many as the process may use processors.</param>
public sealed record SessionSettings(Device Device = Device.Cpu, int? Threads = null)
{
    /// <summary>Stops loads that are under way: a process must not end while a thread is inside the library.</summary>
    public CancellationToken Stopping { get; init; }
}
