namespace Brownian.Jobs.Costs;

/// <summary>The running medians of the times of units, by shape and kind of device.</summary>
public sealed class StageCosts
{
    /// <summary>The number of samples of a shape that count: the last ones.</summary>
    public const int MaxSamples = 31;

    /// <summary>The number of shapes that are kept: the ones measured last.</summary>
    public const int MaxShapes = 1000;

    /// <summary>
    /// The time of a unit before any measurement, in seconds: a guided step of Stable Diffusion 1.5 at 512x512 takes about 50 ms on one GPU. Only
    /// workers are scaled by it; clients get no estimate from it.
    /// </summary>
    public const double Prior = 0.05;

    private readonly Dictionary<(StageShape Shape, string Provider), double> _medians;

    /// <summary>Creates costs.</summary>
    /// <param name="samples">The samples of each shape and provider, in any order.</param>
    public StageCosts(IEnumerable<CostSample> samples)
    {
        _medians = samples.GroupBy(sample => (sample.Shape, sample.Provider))
            .ToDictionary(group => group.Key, group => Median([.. group.Select(sample => sample.Seconds)]));
    }

    /// <summary>Costs without measurements.</summary>
    public static StageCosts None { get; } = new([]);

    /// <summary>Returns the measured time of a unit in seconds; null when the shape was not measured on the kind of device.</summary>
    public double? Find(StageShape shape, string provider) => _medians.TryGetValue((shape, provider), out double seconds) ? seconds : null;

    /// <summary>Returns the kinds of devices on which a shape was measured.</summary>
    public IEnumerable<string> ProvidersOf(StageShape shape) => _medians.Keys.Where(key => key.Shape == shape).Select(key => key.Provider);

    /// <summary>
    /// Returns the time of a unit in seconds for scaling: the measured one; otherwise that of the nearest measured size of the same stage and model
    /// on the same kind of device, in proportion to the pixels and rows; otherwise <see cref="Prior"/>.
    /// </summary>
    public double Expect(StageShape shape, string provider)
    {
        if (Find(shape, provider) is { } measured)
        {
            return measured;
        }
        double size = SizeOf(shape);
        (StageShape Shape, double Seconds)? nearest = _medians
            .Where(pair => pair.Key.Provider == provider
                && pair.Key.Shape with { Pixels = shape.Pixels, Batch = shape.Batch } == shape)
            .Select(pair => ((StageShape, double)?)(pair.Key.Shape, pair.Value))
            .MinBy(pair => Math.Abs(Math.Log(SizeOf(pair!.Value.Item1) / size)));
        return nearest is { } known ? known.Seconds * size / SizeOf(known.Shape) : Prior;
    }

    /// <summary>Returns the median of at least one value.</summary>
    public static double Median(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static double SizeOf(StageShape shape) => (double)Math.Max(1, shape.Pixels) * Math.Max(1, shape.Batch);
}
