namespace Brownian.Models.Plans;

/// <summary>The kinds of stages. Services depend on these kinds and never on a model's family.</summary>
public static class StageKind
{
    /// <summary>Encodes prompts to embeddings.</summary>
    public const string TextEncode = "text-encode";

    /// <summary>Encodes an image to an embedding.</summary>
    public const string ImageEncode = "image-encode";

    /// <summary>Encodes an image to the moments of its latents.</summary>
    public const string VaeEncode = "vae-encode";

    /// <summary>Denoises noise to latents, conditioned on embeddings.</summary>
    public const string Denoise = "denoise";

    /// <summary>Decodes latents to pixels.</summary>
    public const string VaeDecode = "vae-decode";

    /// <summary>Writes pixels to files.</summary>
    public const string Write = "write";

    /// <summary>Every kind.</summary>
    public static IReadOnlyList<string> All { get; } = [TextEncode, ImageEncode, VaeEncode, Denoise, VaeDecode, Write];
}
