using System.Diagnostics;

namespace Brownian.Benchmarks;

/// <summary>What a run of <c>brownian</c> in a process of its own took. Linux only.</summary>
/// <param name="Seconds">From start to end.</param>
/// <param name="PeakMebibytes">The highest resident memory, with mapped files (<c>VmHWM</c>).</param>
/// <param name="OwnMebibytes">The highest memory without mapped files (<c>RssAnon</c>).</param>
internal sealed record MeasuredRun(double Seconds, long PeakMebibytes, long OwnMebibytes)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    /// <summary>The lines of its standard error, with the seconds after the start at which they came.</summary>
    public IReadOnlyList<(double Seconds, string Line)> Lines { get; private init; } = [];

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="InvalidOperationException">It failed; the message is its standard error.</exception>
    public static Task<MeasuredRun> OfAsync(params string[] arguments) => OfAsync(new Dictionary<string, string>(), arguments);

    /// <summary>Runs the program.</summary>
    /// <param name="environment">Further environment variables.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="InvalidOperationException">It failed; the message is its standard error.</exception>
    public static async Task<MeasuredRun> OfAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        long start = Stopwatch.GetTimestamp();
        using Process process = BrownianProgram.Start(new ProgramRun { Arguments = arguments, Environment = environment });
        process.StandardInput.Close();
        var lines = new List<(double Seconds, string Line)>();
        Task reading = ReadAsync(), discarding = process.StandardOutput.ReadToEndAsync();
        long peak = 0, own = 0;
        using var timer = new PeriodicTimer(Poll);
        while (!process.HasExited && await timer.WaitForNextTickAsync())
        {
            Dictionary<string, long> status = ReadStatus(process.Id);
            peak = Math.Max(peak, status.GetValueOrDefault("VmHWM"));
            own = Math.Max(own, status.GetValueOrDefault("RssAnon"));
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await Task.WhenAll(reading, discarding);
        return process.ExitCode == 0 ? new MeasuredRun(seconds, peak, own) { Lines = lines }
            : throw new InvalidOperationException(string.Join('\n', lines.Select(line => line.Line)));

        async Task ReadAsync()
        {
            while (await process.StandardError.ReadLineAsync() is { } line)
            {
                lines.Add((Stopwatch.GetElapsedTime(start).TotalSeconds, line));
            }
        }
    }

    /// <summary>The system's values of a process, in MiB; empty for one that has ended meanwhile.</summary>
    private static Dictionary<string, long> ReadStatus(int process)
    {
        try
        {
            return File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/status"))
                .Select(line => line.Split(':', StringSplitOptions.TrimEntries))
                .Where(pair => pair[1].EndsWith(" kB", StringComparison.Ordinal))
                .ToDictionary(pair => pair[0], pair => long.Parse(pair[1][..^3], CultureInfo.InvariantCulture) >> 10, StringComparer.Ordinal);
        }
        catch (IOException)
        {
            return [];
        }
    }
}
