using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Brownian.AppHost.Tests;

/// <summary>
/// The built app host as a process of its own, on free ports, with RabbitMQ and Redis as programs. Its processes are recognized by a variable
/// of their environment and by their working folder. Linux only, because it reads /proc.
/// </summary>
internal sealed partial class RunningAppHost : IDisposable
{
    /// <summary>The longest time of one operation on a busy machine.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly string _mark = $"BROWNIAN_APPHOST_TEST={Guid.NewGuid():n}";
    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentQueue<string> _log = new();
    private readonly TaskCompletionSource<Match> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _dashboard = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;

    /// <summary>Starts the app host.</summary>
    /// <param name="arguments">Further command-line arguments.</param>
    public RunningAppHost(params string[] arguments)
    {
        // artifacts/bin/<project>/<configuration>/
        var own = new DirectoryInfo(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!);
        string program = Path.Combine(own.Parent!.Parent!.FullName, "AppHost", own.Name, "Brownian.AppHost");
        var start = new ProcessStartInfo(program, ["--Cluster:FreePorts=true", "--Cluster:Servers=Programs", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("BROWNIAN_MODELS");
        start.Environment[_mark.Split('=')[0]] = _mark.Split('=')[1];
        start.Environment["TMPDIR"] = _folder.FullPath;
        // The tests read the dashboard without logging in.
        start.Environment["ASPIRE_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS"] = "true";
        start.Environment["ASPIRE_DASHBOARD_API_ENABLED"] = "true";
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Its output until now.</summary>
    public string Log => string.Join('\n', _log);

    /// <summary>Waits until every service is ready.</summary>
    /// <returns>The gateway's gRPC address.</returns>
    public async Task<string> ReadyAsync() => (await AwaitAsync(_ready.Task)).Groups["grpc"].Value;

    /// <summary>Waits until the dashboard listens.</summary>
    /// <returns>Its address.</returns>
    public Task<string> DashboardAsync() => AwaitAsync(_dashboard.Task);

    /// <summary>Stops it in the way of Ctrl+C and supervisors.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync()
    {
        // .NET can send only the signal KILL.
        using Process kill = Process.Start("sh", ["-c", "kill -TERM \"$0\"", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        return await EndAsync();
    }

    /// <summary>Kills it at once, in the way of kill -9, but not the processes that it started.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await EndAsync();
    }

    /// <summary>Waits until it has ended by itself.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Deadline);
        return _process.ExitCode;
    }

    /// <summary>Waits for a condition that no event announces.</summary>
    public async Task UntilAsync(Func<Task<bool>> isTrue, string what)
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Look);
        while (!await isTrue())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline, $"not within {Deadline}: {what}. The app host wrote:\n{Log}");
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The names of the running processes: the app host and all that it started.</summary>
    public string[] FindProcesses() => [.. Directory.EnumerateDirectories("/proc").Where(IsOwn).Select(NameOf)];

    /// <summary>The existing folders of the servers' data.</summary>
    public string[] FindData() => Directory.GetDirectories(_folder.FullPath, "brownian-apphost-*");

    public void Dispose()
    {
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(IsOwn))
        {
            try
            {
                using var left = Process.GetProcessById(int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture));
                left.Kill();
                left.WaitForExit(Deadline);
            }
            catch (Exception fault) when (fault is ArgumentException or InvalidOperationException)
            {
                // It has ended meanwhile.
            }
        }
        _process.Dispose();
        _folder.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            return;
        }
        _log.Enqueue(line);
        if (ReadyLine().Match(line) is { Success: true } ready)
        {
            _ready.TrySetResult(ready);
        }
        if (DashboardLine().Match(line) is { Success: true } dashboard)
        {
            _dashboard.TrySetResult(dashboard.Groups["address"].Value);
        }
    }

    private async Task<T> AwaitAsync<T>(Task<T> result)
    {
        Task ended = _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        try
        {
            await Task.WhenAny(result, ended).WaitAsync(Deadline, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            // The assertion's message has the output.
        }
        Assert.True(
            result.IsCompletedSuccessfully,
            $"the app host {(ended.IsCompleted ? "ended" : $"is not ready in {Deadline}")}. It wrote:\n{Log}");
        return await result;
    }

    private bool IsOwn(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "environ")).Split('\0').Contains(_mark)
                // Redis overwrites its environment with its title. It works in its own folder.
                || new DirectoryInfo(Path.Combine(process, "cwd")).LinkTarget?.StartsWith(_folder.FullPath, StringComparison.Ordinal) == true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or belongs to the system.
            return false;
        }
    }

    private static string NameOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }

    [GeneratedRegex("^ready: gRPC (?<grpc>http://[^,]+), JSON (?<json>http://.+)$")]
    private static partial Regex ReadyLine();

    [GeneratedRegex("Dashboard: +(?<address>http://.+)$")]
    private static partial Regex DashboardLine();
}
