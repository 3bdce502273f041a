namespace Brownian.Requests;

/// <summary>What a request asks for.</summary>
public static class RequestTask
{
    /// <summary>An image from noise.</summary>
    public const string TextToImage = "text-to-image";

    /// <summary>An image from another one.</summary>
    public const string ImageToImage = "image-to-image";

    /// <summary>A part of an image anew.</summary>
    public const string Inpaint = "inpaint";

    /// <summary>A larger image.</summary>
    public const string Upscale = "upscale";

    /// <summary>An image like another one.</summary>
    public const string Variation = "variation";

    /// <summary>What a sampling loop holds, decoded.</summary>
    public const string Preview = "preview";

    /// <summary>Every task.</summary>
    public static IReadOnlyList<string> All { get; } = [TextToImage, ImageToImage, Inpaint, Upscale, Variation, Preview];
}
