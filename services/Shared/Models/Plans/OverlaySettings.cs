namespace Brownian.Models.Plans;

/// <summary>What generated pictures are laid into: the picture that was given, where the mask does not cover it.</summary>
public sealed record OverlaySettings
{
    /// <summary>The picture's id.</summary>
    public required string Image { get; init; }

    /// <summary>The mask's id.</summary>
    public required string Mask { get; init; }

    /// <summary>The generated pictures' width, which the part around the mask was taken for.</summary>
    public required int Width { get; init; }

    /// <summary>Their height.</summary>
    public required int Height { get; init; }

    /// <summary>How many pixels around the mask were taken.</summary>
    public required int PaddingMaskCrop { get; init; }
}
