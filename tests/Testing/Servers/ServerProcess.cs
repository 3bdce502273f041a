using System.Diagnostics;

namespace Brownian.Testing.Servers;

/// <summary>
/// One run of a server program, with the helpers that it starts. Its processes are recognized by their working folder, also helpers whose
/// parent has ended. Linux only, because it reads /proc.
/// </summary>
internal sealed class ServerProcess
{
    private readonly TaskCompletionSource<Process> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _folder;

    private ServerProcess(string folder) => _folder = folder;

    /// <summary>Ends when the program ends.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Its exit code, after its end.</summary>
    public int ExitCode { get; private set; }

    /// <summary>
    /// Starts a program with no environment but <paramref name="environment"/>; its output is appended to <paramref name="log"/>.
    /// </summary>
    public static async Task<ServerProcess> StartAsync(
        string folder, string log, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        // A server must not outlive tests that were killed, so the kernel kills it with its parent. The shell is replaced by the program.
        string[] line = ["--pdeathsig", "KILL", "sh", "-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", log, program, .. arguments];
        var start = new ProcessStartInfo("setpriv", line) { WorkingDirectory = folder };
        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH");
        start.Environment["HOME"] = folder;
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }
        var run = new ServerProcess(folder);
        // The kernel takes the thread that starts it for the parent. A pool thread may end at any time; this thread ends with the server.
        new Thread(() => run.Watch(start)) { IsBackground = true, Name = program }.Start();
        await run._started.Task;
        return run;
    }

    /// <summary>The ids of its running processes.</summary>
    public static IReadOnlyList<int> FindIds(string folder) =>
        [
            .. Directory.EnumerateDirectories("/proc")
                .Where(process => WorksIn(process, folder))
                .Select(process => int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture)),
        ];

    /// <summary>Stops it in an orderly way and waits until it has ended.</summary>
    public async Task TerminateAsync(TimeSpan deadline)
    {
        Process process = await _started.Task;
        if (!process.HasExited)
        {
            // .NET can send only the signal KILL.
            using Process kill = Process.Start("sh", ["-c", "kill -TERM \"$0\"", $"{process.Id}"]);
            await kill.WaitForExitAsync();
        }
        await Ended.WaitAsync(deadline);
        KillHelpers(deadline);
    }

    /// <summary>Kills it with every helper, and waits until none is left.</summary>
    public void Kill(TimeSpan deadline)
    {
        Process process = _started.Task.GetAwaiter().GetResult();
        process.Kill();
        // The thread that watches the process notices the end at another moment than this one, and a restart depends on that thread.
        Ended.WaitAsync(deadline).GetAwaiter().GetResult();
        KillHelpers(deadline);
    }

    private void KillHelpers(TimeSpan deadline)
    {
        if (!SpinWait.SpinUntil(NoneIsLeft, deadline))
        {
            throw new TimeoutException($"processes {string.Join(", ", FindIds(_folder))} of {_folder} cannot be killed");
        }
    }

    private bool NoneIsLeft()
    {
        IReadOnlyList<int> left = FindIds(_folder);
        foreach (int id in left)
        {
            try
            {
                using Process process = Process.GetProcessById(id);
                process.Kill();
            }
            catch (Exception fault) when (fault is ArgumentException or InvalidOperationException)
            {
                // It has ended meanwhile.
            }
        }
        return left.Count == 0;
    }

    private void Watch(ProcessStartInfo start)
    {
        try
        {
            Process process = Process.Start(start)!;
            _started.SetResult(process);
            process.WaitForExit();
            ExitCode = process.ExitCode;
            _ended.SetResult();
        }
        catch (Exception fault) when (fault is System.ComponentModel.Win32Exception)
        {
            _started.SetException(fault);
        }
    }

    private static bool WorksIn(string process, string folder)
    {
        try
        {
            // A zombie process has no folder any more. A deleted folder's name has a suffix.
            return new DirectoryInfo(Path.Combine(process, "cwd")).LinkTarget is { } cwd
                && (
                    cwd == folder || cwd.StartsWith(folder + '/', StringComparison.Ordinal)
                        || cwd.StartsWith(folder + ' ', StringComparison.Ordinal));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
