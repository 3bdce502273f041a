using System.Diagnostics;

namespace Brownian.Jobs;

/// <summary>
/// Places where a test kills the process: around every store write, send, confirm, acknowledge, checkpoint and terminal write. Compiled out unless
/// FAULT_POINTS is defined, which no release build does.
/// </summary>
public static class FaultPoint
{
#if FAULT_POINTS
    /// <summary>The environment variable that selects the place: <c>name:n</c> for the n-th time that place is reached.</summary>
    public const string Variable = "BROWNIAN_FAULT";

    private static readonly (string Name, int Count) Wanted = Read();
    private static int _reached;
#endif

    /// <summary>Kills the process if this is the selected place.</summary>
    /// <param name="name">The place, for example <c>before complete</c>.</param>
    [Conditional("FAULT_POINTS")]
    public static void Reach(string name)
    {
#if FAULT_POINTS
        if (name == Wanted.Name && Interlocked.Increment(ref _reached) == Wanted.Count)
        {
            // Like kill -9: nothing is flushed or sent.
            Process.GetCurrentProcess().Kill();
            new ManualResetEventSlim().Wait();
        }
#endif
    }

#if FAULT_POINTS
    private static (string, int) Read() => (Environment.GetEnvironmentVariable(Variable) ?? "").Split(':') is [string name, string count]
        ? (name, int.Parse(count, CultureInfo.InvariantCulture))
        : ("", 0);
#endif
}
