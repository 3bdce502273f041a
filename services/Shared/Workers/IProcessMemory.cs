namespace Brownian.Workers;

/// <summary>What a process holds of its machine's memory.</summary>
public interface IProcessMemory
{
    /// <summary>Bytes of it that are resident now.</summary>
    long Resident { get; }

    /// <summary>Gives back what is held and not in use, as far as that is possible. Takes as long as a full garbage collection.</summary>
    void Trim();
}
