namespace Brownian.Inference.Stages;

/// <summary>Settings of a vae-decode stage: none so far.</summary>
public sealed record VaeDecodeSettings;
