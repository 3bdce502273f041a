namespace Brownian.Inference.Requests;

/// <summary>Pictures on the way.</summary>
public sealed record PreviewSettings
{
    /// <summary>One every so many evaluations, 1..1000.</summary>
    public int Every { get; init; } = 5;

    /// <summary>The longer side in pixels, 16..512, where the picture is not smaller.</summary>
    public int Size { get; init; } = 256;
}
