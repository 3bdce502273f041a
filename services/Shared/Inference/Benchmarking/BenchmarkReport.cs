namespace Brownian.Inference.Benchmarking;

/// <summary>The results of a benchmark.</summary>
public sealed record BenchmarkReport
{
    /// <summary>The width of the images in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>The height of the images in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>The scheduler's class.</summary>
    public required string Scheduler { get; init; }

    /// <summary>The time to encode one prompt; null when the folder has no text encoder.</summary>
    public required Distribution? Encode { get; init; }

    /// <summary>The time of one evaluation of the whole batch, with scheduler, guidance and noise.</summary>
    public required Distribution Step { get; init; }

    /// <summary>The time of the same evaluation in a loop that only runs the graph.</summary>
    public required Distribution BareStep { get; init; }

    /// <summary>The time to decode one image.</summary>
    public required Distribution Decode { get; init; }

    /// <summary>The time to generate a batch of images: noise, steps, decoding.</summary>
    public required Distribution Image { get; init; }

    /// <summary>The time of the same batch in a loop that only runs the graphs.</summary>
    public required Distribution BareImage { get; init; }

    /// <summary>Managed bytes allocated by one step, on average.</summary>
    public required double AllocatedPerStep { get; init; }

    /// <summary>The process's largest resident memory in bytes.</summary>
    public required long PeakMemory { get; init; }

    /// <summary>The time of a step beyond the graph's, in microseconds: the median of the differences of adjacent pairs.</summary>
    public required double OverheadMicroseconds { get; init; }

    /// <summary><see cref="OverheadMicroseconds"/> as a share of the median bare step.</summary>
    public double StepOverhead => OverheadMicroseconds / BareStep.Median.TotalMicroseconds;

    /// <summary>Median image over median bare image, minus one.</summary>
    public double ImageOverhead => Image.Median / BareImage.Median - 1;
}
