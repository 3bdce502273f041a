namespace Brownian.Inference.Engines;

/// <summary>The sizes that a ControlNet's buffers are made for.</summary>
/// <param name="Rows">The number of passes.</param>
/// <param name="Channels">The channels of the latents alone.</param>
/// <param name="Height">The height in latents.</param>
/// <param name="Width">The width in latents.</param>
/// <param name="Scale">Pixels per side of one latent.</param>
/// <param name="Tokens">The number of tokens of the embeddings.</param>
/// <param name="EmbeddingWidth">The width of the embeddings.</param>
/// <param name="PooledWidth">The width of the pooled embeddings; 0 for none.</param>
/// <param name="TimeIds">The number of time ids; 0 for none.</param>
internal readonly record struct ControlNetSize(
    int Rows, int Channels, int Height, int Width, int Scale, int Tokens, int EmbeddingWidth, int PooledWidth, int TimeIds);
