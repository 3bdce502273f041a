namespace Brownian.Inference.Benchmarking;

/// <summary>The settings of a benchmark.</summary>
public sealed record BenchmarkSettings
{
    /// <summary>The width of the images in pixels; null for the model's default.</summary>
    public int? Width { get; init; }

    /// <summary>The height of the images in pixels; null for the model's default.</summary>
    public int? Height { get; init; }

    /// <summary>The number of evaluations per image.</summary>
    public int Steps { get; init; } = 20;

    /// <summary>The number of images in a batch.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>The number of times that the images are generated with each loop.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>The guidance scale. Above 1 an image takes two rows of a batch.</summary>
    public double GuidanceScale { get; init; } = 7.5;
}
