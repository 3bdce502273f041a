namespace Brownian.Models.Plans;

/// <summary>What a stage does. Services know these words, never a model's family.</summary>
public static class StageKind
{
    /// <summary>Prompts to embeddings.</summary>
    public const string TextEncode = "text-encode";

    /// <summary>An image to an embedding.</summary>
    public const string ImageEncode = "image-encode";

    /// <summary>An image to the moments of its latents.</summary>
    public const string VaeEncode = "vae-encode";

    /// <summary>Noise and embeddings to latents.</summary>
    public const string Denoise = "denoise";

    /// <summary>Latents to pixels.</summary>
    public const string VaeDecode = "vae-decode";

    /// <summary>Pixels to files.</summary>
    public const string Write = "write";

    /// <summary>Every kind.</summary>
    public static IReadOnlyList<string> All { get; } = [TextEncode, ImageEncode, VaeEncode, Denoise, VaeDecode, Write];
}
