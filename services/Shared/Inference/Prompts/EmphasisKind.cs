namespace Brownian.Inference.Prompts;

/// <summary>How weights change an embedding: two options of the setting "Emphasis mode" of AUTOMATIC1111's stable-diffusion-webui.</summary>
public enum EmphasisKind
{
    /// <summary>Weights every token, then scales the embedding to its original mean.</summary>
    Original,

    /// <summary>Weights every token; used for Stable Diffusion XL.</summary>
    NoNorm,
}
