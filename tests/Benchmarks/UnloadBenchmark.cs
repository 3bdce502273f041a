using System.Diagnostics;
using System.Globalization;
using Brownian.Tests.Programs;

namespace Brownian.Benchmarks;

/// <summary>
/// The highest memory of <c>brownian generate</c> for a cascade, with every graph kept and with each dropped after its stage. Linux only.
/// </summary>
internal static class UnloadBenchmark
{
    private const int TextEncoder = 600, First = 900, Second = 700;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    /// <summary>Measures made-up models, each in a run of its own process.</summary>
    public static async Task RunAsync()
    {
        string folder = Directory.CreateTempSubdirectory("brownian-unload-").FullName;
        try
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"graphs: text encoder {TextEncoder} MiB (each stage's own), first UNet {First} MiB, second UNet {Second} MiB; together "
                    + $"{2 * TextEncoder + First + Second} MiB, the largest {First} MiB"));
            Console.WriteLine($"{"",-40}{"peak MiB",10}{"own",8}{"seconds",10}");
            string small = Path.Combine(folder, "small"), largest = Path.Combine(folder, "largest"), whole = Path.Combine(folder, "whole");
            StubCascade.Write(small, 0, 0, 0);
            StubCascade.Write(largest, 0, First, 0);
            StubCascade.Write(whole, TextEncoder, First, Second);
            await MeasureAsync("graphs without weights", small, []);
            await MeasureAsync("the largest graph has its weights", largest, []);
            await MeasureAsync("all, kept", whole, []);
            await MeasureAsync("all, --unload-stages", whole, ["--unload-stages"]);
            await MeasureAsync("all, --unload-stages, three pictures", whole, ["--unload-stages", "--count", "3"]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(string name, string cascade, string[] options)
    {
        long start = Stopwatch.GetTimestamp();
        using Process process = BrownianProgram.Start(new ProgramRun
        {
            Arguments =
            [
                "generate", "a lighthouse in a storm", "--model", cascade, "--seed", "7", "--quiet", "-o", Path.Combine(cascade, "pictures/"),
                .. options
            ],
        });
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        long peak = 0, own = 0;
        using var timer = new PeriodicTimer(Poll);
        while (!process.HasExited && await timer.WaitForNextTickAsync())
        {
            Dictionary<string, long> status = ReadStatus(process.Id);
            peak = Math.Max(peak, status.GetValueOrDefault("VmHWM"));
            own = Math.Max(own, status.GetValueOrDefault("RssAnon"));
        }
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(await error);
        }
        Console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{name,-40}{peak,10}{own,8}{Stopwatch.GetElapsedTime(start).TotalSeconds,10:0.0}"));
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
