using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>Runs graphs.</summary>
internal static class GraphRun
{
    /// <summary>Opens a graph.</summary>
    public static InferenceSession Open(string file)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        // As the program's own sessions: bytes are multiplied without overflow on processors without VNNI, too.
        options.AddSessionConfigEntry("session.x64quantprecision", "1");
        return new InferenceSession(file, options);
    }

    /// <summary>Runs a graph, and returns its outputs by their names.</summary>
    public static Dictionary<string, (long[] Shape, float[] Values)> Run(InferenceSession session, IReadOnlyDictionary<string, OrtValue> inputs)
    {
        using var options = new RunOptions();
        string[] names = [.. session.InputMetadata.Keys];
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(
            options, names, [.. names.Select(name => inputs[name])], [.. session.OutputMetadata.Keys]);
        return session.OutputMetadata.Keys.Zip(outputs).ToDictionary(
            output => output.First,
            output => (output.Second.GetTensorTypeAndShape().Shape, output.Second.GetTensorDataAsSpan<float>().ToArray()),
            StringComparer.Ordinal);
    }

    /// <summary>Returns the largest difference of two lists of numbers.</summary>
    public static float Difference(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        float largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            float difference = Math.Abs(expected[i] - actual[i]);
            largest = difference <= largest ? largest : difference;
        }
        return largest;
    }

    /// <summary>Returns the root mean square of the differences of two lists of numbers, as a share of that of the first list.</summary>
    public static double RelativeDifference(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return Math.Sqrt(
            expected.Zip(actual, (one, other) => Math.Pow(one - other, 2)).Sum() / expected.Sum(value => (double)value * value));
    }
}
