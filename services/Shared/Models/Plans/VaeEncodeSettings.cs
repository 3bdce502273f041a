namespace Brownian.Models.Plans;

/// <summary>Settings of a vae-encode stage whose image the request names.</summary>
public sealed record VaeEncodeSettings
{
    /// <summary>How the image's levels are mapped to numbers when the pixels are kept and no graph runs; null to encode them.</summary>
    public PixelRange? Pixels { get; init; }

    /// <summary>The image's id; null when the input <c>pixels</c> or a file of latents provides the images, which are encoded unchanged.</summary>
    public string? Image { get; init; }

    /// <summary>The id of a file of latents that replaces the encoding of the image; nothing is encoded.</summary>
    public string? Latents { get; init; }

    /// <summary>The id of a file with the outputs of the stages before this one from an earlier run; nothing is encoded.</summary>
    public string? Kept { get; init; }

    /// <summary>The mask's id.</summary>
    public string? Mask { get; init; }

    /// <summary>The width that the image is resized to, in pixels; 0 to keep its size.</summary>
    public int Width { get; init; }

    /// <summary>The height that the image is resized to, in pixels; 0 to keep its size.</summary>
    public int Height { get; init; }

    /// <summary>Pixels per side of one latent. Masks are downscaled by this factor.</summary>
    public int Scale { get; init; } = 8;

    /// <summary>The number of pixels around the mask that are cropped with it; null to use the whole image.</summary>
    public int? PaddingMaskCrop { get; init; }

    /// <summary>Whether the stage outputs the image itself.</summary>
    public bool Whole { get; init; } = true;

    /// <summary>Whether the stage outputs the masked image.</summary>
    public bool Masked { get; init; }

    /// <summary>Whether the encoding is tiled.</summary>
    public bool Tiled { get; init; }
}
