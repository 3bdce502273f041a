namespace Brownian.Inference.Engines;

/// <summary>An encoded prompt.</summary>
/// <param name="Features">What the denoiser is given.</param>
/// <param name="Prompt">What the encoders were given.</param>
public sealed record TextEncoding(TextFeatures Features, TokenizedPrompt Prompt);
