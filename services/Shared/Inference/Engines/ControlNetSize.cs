namespace Brownian.Inference.Engines;

/// <summary>The sizes that a ControlNet's buffers are made for.</summary>
/// <param name="Rows">Passes.</param>
/// <param name="Channels">Of the latents alone.</param>
/// <param name="Height">In latents.</param>
/// <param name="Width">In latents.</param>
/// <param name="Scale">Pixels of a latent's side.</param>
/// <param name="Tokens">Of the embeddings.</param>
/// <param name="EmbeddingWidth">Of the embeddings.</param>
/// <param name="PooledWidth">Of the pooled embeddings; 0 for none.</param>
/// <param name="TimeIds">How many; 0 for none.</param>
internal readonly record struct ControlNetSize(
    int Rows, int Channels, int Height, int Width, int Scale, int Tokens, int EmbeddingWidth, int PooledWidth, int TimeIds);
