using System.Diagnostics;
using System.Text.Json;
using Brownian.Diffusion.Noise;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Benchmarks;

/// <summary>The time of a step of several UNets of Stable Diffusion 1.x, in turn in one process, and of each kind of operator.</summary>
internal static class GraphBenchmark
{
    /// <summary>The largest share of the time that the rest of the operators may have which are not listed.</summary>
    private const double Rest = 0.005;

    private static readonly string[] Outputs = ["out_sample"];

    /// <summary>Runs graphs with guidance in one batch, and prints a row for each.</summary>
    /// <param name="size">The side of the picture in pixels.</param>
    /// <param name="rounds">How often each graph is run, after one run that is not counted.</param>
    /// <param name="files">The graphs; ratios are to the first.</param>
    /// <param name="isProfiled">Whether the operators' times are printed, too.</param>
    public static void Run(int size, int rounds, string[] files, bool isProfiled)
    {
        var graphs = files.Select(file => new Loaded(file, isProfiled)).ToList();
        int side = size / 8;
        var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal)
        {
            ["sample"] = Noise([2, 4, side, side]),
            ["timestep"] = OrtValue.CreateTensorValueFromMemory(new float[] { 500 }, []),
            ["encoder_hidden_states"] = Noise([2, 77, 768]),
        };
        using var options = new RunOptions();
        for (int round = 0; round <= rounds; round++)
        {
            foreach (Loaded graph in graphs)
            {
                long start = Stopwatch.GetTimestamp();
                using IDisposableReadOnlyCollection<OrtValue> outputs = graph.Session.Run(options, inputs, Outputs);
                if (round > 0)
                {
                    graph.Seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                }
            }
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size}x{size}, {rounds} rounds"));
        foreach (Loaded graph in graphs)
        {
            double[] ratios = [.. graphs[0].Seconds.Zip(graph.Seconds, (first, own) => first / own).Order()];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{graph.File}: loaded in {graph.LoadSeconds:0.0} s, step {graph.Seconds.Order().ElementAt(rounds / 2):0.000} s (median), "
                    + $"{ratios[rounds / 2]:0.00} times as fast as the first (median of the pairs)"));
            if (isProfiled)
            {
                PrintOperators(graph.Session.EndProfiling(), rounds);
            }
            graph.Session.Dispose();
        }
    }

    private static void PrintOperators(string file, int rounds)
    {
        using var events = JsonDocument.Parse(File.ReadAllBytes(file));
        File.Delete(file);
        (string Name, double Seconds, int Count)[] kinds =
        [
            .. events.RootElement.EnumerateArray()
                .Where(entry => entry.GetProperty("name").GetString()!.EndsWith("_kernel_time", StringComparison.Ordinal))
                .GroupBy(entry => entry.GetProperty("args").GetProperty("op_name").GetString()!)
                .Select(group => (
                    group.Key, group.Sum(entry => entry.GetProperty("dur").GetDouble()) / 1e6 / (rounds + 1), group.Count() / (rounds + 1)))
                .OrderByDescending(kind => kind.Item2),
        ];
        double all = kinds.Sum(kind => kind.Seconds);
        foreach ((string name, double seconds, int count) in kinds.Where(kind => kind.Seconds > Rest * all))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  {name,-30}{count,5} {1000 * seconds,9:0.0} ms {100 * seconds / all,5:0.0} %"));
        }
    }

    private static OrtValue Noise(long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (product, side) => product * side)];
        new TorchCpuGenerator(1).FillNormal(values);
        return OrtValue.CreateTensorValueFromMemory(values, shape);
    }

    private sealed class Loaded
    {
        public Loaded(string file, bool isProfiled)
        {
            File = file;
            using var options = new SessionOptions { IntraOpNumThreads = Environment.ProcessorCount };
            options.EnableProfiling = isProfiled;
            long start = Stopwatch.GetTimestamp();
            Session = new InferenceSession(file, options);
            LoadSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        public string File { get; }

        public InferenceSession Session { get; }

        public double LoadSeconds { get; }

        public List<double> Seconds { get; } = [];
    }
}
