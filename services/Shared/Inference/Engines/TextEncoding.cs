namespace Brownian.Inference.Engines;

/// <summary>An encoded prompt.</summary>
/// <param name="Features">The embeddings for the denoiser.</param>
/// <param name="Prompt">The encoders' input.</param>
public sealed record TextEncoding(TextFeatures Features, TokenizedPrompt Prompt);
