namespace Brownian.Inference.Benchmarking;

/// <summary>What was measured.</summary>
public sealed record BenchmarkReport
{
    /// <summary>Pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels.</summary>
    public required int Height { get; init; }

    /// <summary>The scheduler's class.</summary>
    public required string Scheduler { get; init; }

    /// <summary>One prompt's encoding; null where the folder has no text encoder.</summary>
    public required Distribution? Encode { get; init; }

    /// <summary>One evaluation of the whole batch, with scheduler, guidance and noise.</summary>
    public required Distribution Step { get; init; }

    /// <summary>The same evaluation by a loop that only runs the graph.</summary>
    public required Distribution BareStep { get; init; }

    /// <summary>One image's decoding.</summary>
    public required Distribution Decode { get; init; }

    /// <summary>A batch of images: noise, steps, decoding.</summary>
    public required Distribution Image { get; init; }

    /// <summary>The same by a loop that only runs the graphs.</summary>
    public required Distribution BareImage { get; init; }

    /// <summary>Managed bytes allocated by one step, on average.</summary>
    public required double AllocatedPerStep { get; init; }

    /// <summary>The process's largest resident memory in bytes.</summary>
    public required long PeakMemory { get; init; }

    /// <summary>What a step takes beyond the graph, in microseconds: the median of the differences of neighbouring pairs.</summary>
    public required double OverheadMicroseconds { get; init; }

    /// <summary>Median step over median bare step, minus one.</summary>
    public double StepOverhead => Step.Median / BareStep.Median - 1;

    /// <summary>Median image over median bare image, minus one.</summary>
    public double ImageOverhead => Image.Median / BareImage.Median - 1;
}
