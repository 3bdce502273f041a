using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Brownian.AppHost.Tests;

/// <summary>
/// The built app host as a process of its own, on free ports, with RabbitMQ and Redis as programs. Its processes are known by a variable of
/// their environment, and by the folder that they work in. Linux only, for it reads /proc.
/// </summary>
internal sealed partial class RunningAppHost : IDisposable
{
    /// <summary>How long anything may take on a busy machine.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly string _mark = $"BROWNIAN_APPHOST_TEST={Guid.NewGuid():n}";
    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentQueue<string> _log = new();
    private readonly TaskCompletionSource<Match> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _dashboard = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;

    /// <summary>Starts it.</summary>
    /// <param name="arguments">More of its command line.</param>
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

    /// <summary>What it wrote until now.</summary>
    public string Log => string.Join('\n', _log);

    /// <summary>Waits until every service is ready.</summary>
    /// <returns>The gateway's gRPC address.</returns>
    public async Task<string> ReadyAsync() => (await AwaitAsync(_ready.Task)).Groups["grpc"].Value;

    /// <summary>Waits until the dashboard listens.</summary>
    /// <returns>Its address.</returns>
    public Task<string> DashboardAsync() => AwaitAsync(_dashboard.Task);

    /// <summary>Ends it as Ctrl+C and supervisors do.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync()
    {
        // .NET sends no signal but KILL.
        using Process kill = Process.Start("sh", ["-c", "kill -TERM \"$0\"", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        return await EndAsync();
    }

    /// <summary>Ends it at once, as kill -9 does, and nothing that it started.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await EndAsync();
    }

    /// <summary>Waits until it ended by itself.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Deadline);
        return _process.ExitCode;
    }

    /// <summary>Waits for what no event tells.</summary>
    public async Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Look);
        while (!await isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline, $"not within {Deadline}: {what}. The app host wrote:\n{Log}");
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The names of its processes that live: of the app host and of all that it started.</summary>
    public string[] FindProcesses() => [.. Directory.EnumerateDirectories("/proc").Where(IsOwn).Select(NameOf)];

    /// <summary>The folders for the servers' data that are there.</summary>
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
                // It ended meanwhile.
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

    private async Task<T> AwaitAsync<T>(Task<T> told)
    {
        Task ended = _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        try
        {
            await Task.WhenAny(told, ended).WaitAsync(Deadline, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            // The assertion says what it wrote.
        }
        Assert.True(told.IsCompletedSuccessfully, $"the app host {(ended.IsCompleted ? "ended" : $"is not ready in {Deadline}")}. It wrote:\n{Log}");
        return await told;
    }

    private bool IsOwn(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "environ")).Split('\0').Contains(_mark)
                // Redis writes its title over its environment. It works in its own folder.
                || new DirectoryInfo(Path.Combine(process, "cwd")).LinkTarget?.StartsWith(_folder.FullPath, StringComparison.Ordinal) == true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It ended meanwhile, or is the system's.
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
