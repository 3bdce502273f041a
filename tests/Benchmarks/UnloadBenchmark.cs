
namespace Brownian.Benchmarks;

/// <summary>
/// The highest memory of <c>brownian generate</c> for a cascade, with every graph kept and with each dropped after its stage. Linux only.
/// </summary>
internal static class UnloadBenchmark
{
    private const int TextEncoder = 600, First = 900, Second = 700;

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
        MeasuredRun run = await MeasuredRun.OfAsync(
        [
            "generate", "a lighthouse in a storm", "--model", cascade, "--seed", "7", "--quiet", "-o", Path.Combine(cascade, "pictures/"),
            .. options,
        ]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-40}{run.PeakMebibytes,10}{run.OwnMebibytes,8}{run.Seconds,10:0.0}"));
    }
}
