namespace Brownian.Workers;

/// <summary>The memory of this process.</summary>
public sealed class ProcessMemory : IProcessMemory
{
    /// <inheritdoc/>
    public long Resident => Environment.WorkingSet;

    /// <inheritdoc/>
    public void Trim() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
