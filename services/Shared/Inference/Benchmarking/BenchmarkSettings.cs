namespace Brownian.Inference.Benchmarking;

/// <summary>What is measured.</summary>
public sealed record BenchmarkSettings
{
    /// <summary>Pixels; null for the model's own.</summary>
    public int? Width { get; init; }

    /// <summary>Pixels; null for the model's own.</summary>
    public int? Height { get; init; }

    /// <summary>Evaluations of an image.</summary>
    public int Steps { get; init; } = 20;

    /// <summary>Images that share a batch.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>How often an image is made, each way.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>The guidance scale: above 1 an image takes two rows of a batch.</summary>
    public double GuidanceScale { get; init; } = 7.5;
}
