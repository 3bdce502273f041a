namespace Brownian.Models.Facts;

/// <summary>How the outputs of several text encoders are combined for the denoiser.</summary>
public enum TextJoin
{
    /// <summary>
    /// The CLIP encoders' outputs side by side, then T5's tokens, all padded to the width of the denoiser's input; the pooled embeddings side by side
    /// (Stable Diffusion 3).
    /// </summary>
    ClipThenT5,

    /// <summary>T5's tokens and CLIP's pooled embedding (Flux).</summary>
    T5WithPooledClip,

    /// <summary>T5's tokens alone, of the prompt in lower case (DeepFloyd IF).</summary>
    T5,
}
