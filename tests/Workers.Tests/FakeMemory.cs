
namespace Brownian.Workers.Tests;

/// <summary>The memory of a process, set by the test.</summary>
/// <param name="resident">Bytes that are resident.</param>
/// <param name="afterTrim">Bytes that are resident after a trim; null if a trim changes nothing.</param>
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
