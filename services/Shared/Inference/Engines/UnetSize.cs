namespace Brownian.Inference.Engines;

/// <summary>The sizes that a UNet's buffers are made for.</summary>
/// <param name="Channels">Of the input: latents, and whatever lies beside them.</param>
/// <param name="OutputChannels">Of the prediction, where the graph does not say it.</param>
/// <param name="Height">In latents.</param>
/// <param name="Width">In latents.</param>
/// <param name="Tokens">Of the embeddings.</param>
/// <param name="EmbeddingWidth">Of the embeddings.</param>
/// <param name="PooledWidth">Of the pooled embeddings; 0 for none.</param>
/// <param name="TimeIds">How many; 0 for none.</param>
internal readonly record struct UnetSize(int Channels, int OutputChannels, int Height, int Width, int Tokens, int EmbeddingWidth, int PooledWidth = 0, int TimeIds = 0);
