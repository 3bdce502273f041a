namespace Brownian.Models.Plans;

/// <summary>What generated images are laid into: the image that was given, where the mask does not cover it.</summary>
public sealed record OverlaySettings
{
    /// <summary>The image's id.</summary>
    public required string Image { get; init; }

    /// <summary>The mask's id.</summary>
    public required string Mask { get; init; }

    /// <summary>The generated images' width, which the part around the mask was taken for.</summary>
    public required int Width { get; init; }

    /// <summary>Their height.</summary>
    public required int Height { get; init; }

    /// <summary>How many pixels around the mask were taken.</summary>
    public required int PaddingMaskCrop { get; init; }
}
