namespace Brownian.Inference.Benchmarking;

/// <summary>Times of something done often.</summary>
/// <param name="Median">Half took no longer.</param>
/// <param name="Percentile95">95 of 100 took no longer.</param>
public readonly record struct Distribution(TimeSpan Median, TimeSpan Percentile95)
{
    /// <summary>The distribution of some times.</summary>
    public static Distribution Of(IReadOnlyCollection<TimeSpan> times)
    {
        TimeSpan[] sorted = [.. times.Order()];
        TimeSpan median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        return new Distribution(median, sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(sorted.Length * 0.95) - 1)]);
    }
}
