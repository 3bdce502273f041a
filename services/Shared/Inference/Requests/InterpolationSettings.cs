namespace Brownian.Inference.Requests;

/// <summary>Frames between two prompts or two pictures, all of one noise.</summary>
public sealed record InterpolationSettings
{
    /// <summary>The fewest frames.</summary>
    public const int FewestFrames = 2;

    /// <summary>The most frames.</summary>
    public const int MostFrames = 240;

    /// <summary>The two prompts; null where there are pictures.</summary>
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>The two pictures, named as <see cref="GenerationRequest.InitImage"/>; null where there are prompts.</summary>
    public IReadOnlyList<string>? Images { get; init; }

    /// <summary>How many, both ends counted.</summary>
    public required int Frames { get; init; }
}
