namespace Brownian.Requests;

/// <summary>The tasks of a request.</summary>
public static class RequestTask
{
    /// <summary>Generates an image from noise.</summary>
    public const string TextToImage = "text-to-image";

    /// <summary>Generates an image from another one.</summary>
    public const string ImageToImage = "image-to-image";

    /// <summary>Regenerates a part of an image.</summary>
    public const string Inpaint = "inpaint";

    /// <summary>Enlarges an image.</summary>
    public const string Upscale = "upscale";

    /// <summary>Generates a variation of an image.</summary>
    public const string Variation = "variation";

    /// <summary>Decodes the latents of a sampling loop.</summary>
    public const string Preview = "preview";

    /// <summary>Every task.</summary>
    public static IReadOnlyList<string> All { get; } = [TextToImage, ImageToImage, Inpaint, Upscale, Variation, Preview];
}
