namespace Brownian.Inference.Requests;

/// <summary>Pictures on the way.</summary>
public sealed record PreviewSettings
{
    /// <summary>One every so many evaluations, 1..1000.</summary>
    public int Every { get; init; } = 5;

    /// <summary>The longer side in pixels, 16..2048; null for the picture's own.</summary>
    public int? Size { get; init; }
}
