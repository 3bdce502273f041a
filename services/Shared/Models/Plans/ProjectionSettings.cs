namespace Brownian.Models.Plans;

/// <summary>How unCLIP's prompts are combined with images' embeddings.</summary>
/// <param name="IsGuided">Whether there is an unconditional pass.</param>
/// <param name="IsPriors">Whether the embeddings are a prior's output.</param>
public sealed record ProjectionSettings(bool IsGuided, bool IsPriors);
