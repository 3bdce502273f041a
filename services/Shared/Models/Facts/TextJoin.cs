namespace Brownian.Models.Facts;

/// <summary>What a denoiser is given of several text encoders.</summary>
public enum TextJoin
{
    /// <summary>
    /// CLIP encoders side by side, then T5's tokens, all as wide as the denoiser takes them; the pooled embeddings side by side: Stable
    /// Diffusion 3.
    /// </summary>
    ClipThenT5,

    /// <summary>T5's tokens, and CLIP's pooled embedding: Flux.</summary>
    T5WithPooledClip,

    /// <summary>T5's tokens alone, of a prompt in lower case: DeepFloyd IF.</summary>
    T5,
}
