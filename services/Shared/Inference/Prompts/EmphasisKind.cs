namespace Brownian.Inference.Prompts;

/// <summary>How weights change an embedding: two of the settings "Emphasis mode" of AUTOMATIC1111's stable-diffusion-webui.</summary>
public enum EmphasisKind
{
    /// <summary>Weighs every token, then scales the whole to the mean it had.</summary>
    Original,

    /// <summary>Weighs every token; used for Stable Diffusion XL.</summary>
    NoNorm,
}
