
namespace Brownian.Workers.Tests;

/// <summary>Memory of a process as a test wants it.</summary>
/// <param name="resident">Bytes that are resident.</param>
/// <param name="afterTrim">Bytes that are resident once it was trimmed; null for as many.</param>
internal sealed class FakeMemory(long resident, long? afterTrim = null) : IProcessMemory
{
    private long _resident = resident;
    private int _trims;

    public long Resident
    {
        get => Volatile.Read(ref _resident);
        set => Volatile.Write(ref _resident, value);
    }

    /// <summary>How often it was trimmed.</summary>
    public int Trims => Volatile.Read(ref _trims);

    public void Trim()
    {
        Interlocked.Increment(ref _trims);
        Resident = afterTrim ?? Resident;
    }
}
