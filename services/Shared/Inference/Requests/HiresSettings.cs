namespace Brownian.Inference.Requests;

/// <summary>A second pass at a larger size, as a request asks for it. Null means: the usual.</summary>
public sealed record HiresSettings
{
    /// <summary>What latents can be enlarged by; <c>lanczos</c> enlarges the decoded picture.</summary>
    public static IReadOnlyList<string> Upscalers { get; } = ["latent", "latent-nearest", "latent-bicubic", "lanczos"];

    /// <summary>How much larger, 1..4; where no size is given.</summary>
    public double? Scale { get; init; }

    /// <summary>Pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Pixels.</summary>
    public int? Height { get; init; }

    /// <summary>Steps; those of the first pass where not given.</summary>
    public int? Steps { get; init; }

    /// <summary>How far from the enlarged picture to go, 0..1.</summary>
    public double? Strength { get; init; }

    /// <summary>One of <see cref="Upscalers"/>.</summary>
    public string? Upscaler { get; init; }
}
