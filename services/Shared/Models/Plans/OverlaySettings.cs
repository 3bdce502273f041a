namespace Brownian.Models.Plans;

/// <summary>The image that generated images are pasted into: the input image, which is kept outside the mask.</summary>
public sealed record OverlaySettings
{
    /// <summary>The image's id.</summary>
    public required string Image { get; init; }

    /// <summary>The mask's id.</summary>
    public required string Mask { get; init; }

    /// <summary>The width of the generated images, for which the area around the mask was cropped.</summary>
    public required int Width { get; init; }

    /// <summary>The height of the generated images.</summary>
    public required int Height { get; init; }

    /// <summary>The number of pixels around the mask that the crop includes.</summary>
    public required int PaddingMaskCrop { get; init; }
}
