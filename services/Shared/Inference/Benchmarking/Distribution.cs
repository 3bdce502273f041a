namespace Brownian.Inference.Benchmarking;

/// <summary>The distribution of an operation's durations.</summary>
/// <param name="Median">The median.</param>
/// <param name="Percentile95">The 95th percentile.</param>
public readonly record struct Distribution(TimeSpan Median, TimeSpan Percentile95)
{
    /// <summary>Returns the distribution of measured durations.</summary>
    public static Distribution Of(IReadOnlyCollection<TimeSpan> times)
    {
        TimeSpan[] sorted = [.. times.Order()];
        TimeSpan median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        return new Distribution(median, sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(sorted.Length * 0.95) - 1)]);
    }
}
