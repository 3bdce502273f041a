namespace Brownian.Models.Plans;

/// <summary>Settings of a vae-encode stage whose image the request names.</summary>
public sealed record VaeEncodeSettings
{
    /// <summary>How the image's levels become numbers where they are kept as they are and no graph runs; null to encode them.</summary>
    public PixelRange? Pixels { get; init; }

    /// <summary>The picture's id; null where the input <c>pixels</c> or a file of latents brings pictures, which are encoded as they are.</summary>
    public string? Image { get; init; }

    /// <summary>The id of a file of latents that stand for the image's; nothing is encoded.</summary>
    public string? Latents { get; init; }

    /// <summary>The id of a file of what the stages before this one made in an earlier run; nothing is encoded.</summary>
    public string? Kept { get; init; }

    /// <summary>The mask's id.</summary>
    public string? Mask { get; init; }

    /// <summary>What it is resized to, in pixels; 0 for its own size.</summary>
    public int Width { get; init; }

    /// <summary>What it is resized to, in pixels; 0 for its own size.</summary>
    public int Height { get; init; }

    /// <summary>Pixels a side of one latent: masks are made that much smaller.</summary>
    public int Scale { get; init; } = 8;

    /// <summary>Only the part around the mask and so many pixels more is taken; null for all of the image.</summary>
    public int? PaddingMaskCrop { get; init; }

    /// <summary>Whether the image itself is wanted.</summary>
    public bool Whole { get; init; } = true;

    /// <summary>Whether the image without what the mask covers is wanted.</summary>
    public bool Masked { get; init; }

    /// <summary>Whether it is done in tiles.</summary>
    public bool Tiled { get; init; }
}
