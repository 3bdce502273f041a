namespace Brownian.Inference.Requests;

/// <summary>How pictures become files.</summary>
public sealed record OutputSettings
{
    /// <summary>The file format.</summary>
    public ImageFormat Format { get; init; } = ImageFormat.Png;

    /// <summary>1..100, for JPEG and WebP.</summary>
    public int Quality { get; init; } = 95;

    /// <summary>Whether the file carries the settings that made it.</summary>
    public bool Metadata { get; init; } = true;
}
