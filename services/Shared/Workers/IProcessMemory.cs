namespace Brownian.Workers;

/// <summary>The memory use of a process.</summary>
public interface IProcessMemory
{
    /// <summary>The resident memory in bytes.</summary>
    long Resident { get; }

    /// <summary>Releases unused memory as far as possible. Takes as long as a full garbage collection.</summary>
    void Trim();
}
