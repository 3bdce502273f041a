namespace Brownian.Inference.Engines;

/// <summary>The sizes that a denoiser's buffers are made for.</summary>
/// <param name="Channels">Of the input: latents, and whatever lies beside them.</param>
/// <param name="OutputChannels">Of the prediction, where the graph does not say it.</param>
/// <param name="Height">In latents.</param>
/// <param name="Width">In latents.</param>
/// <param name="Tokens">Of the embeddings; 0 for none.</param>
/// <param name="EmbeddingWidth">Of the embeddings; 0 for none.</param>
/// <param name="PooledWidth">Of the pooled embeddings; 0 for none.</param>
/// <param name="TimeIds">How many; 0 for none.</param>
internal readonly record struct DenoiserSize(
    int Channels, int OutputChannels, int Height, int Width, int Tokens, int EmbeddingWidth, int PooledWidth = 0, int TimeIds = 0)
{
    private readonly RowShapes? _further;

    /// <summary>The rows of <see cref="DenoiserGraph.ExtraInputs"/>.</summary>
    public RowShapes ExtraInputs
    {
        get => _further ?? RowShapes.None;
        init => _further = value;
    }

    /// <inheritdoc/>
    public override string ToString() => Tokens == 0
        ? $"latents of [{Channels}, {Height}, {Width}]"
        : $"latents of [{Channels}, {Height}, {Width}] and embeddings of [{Tokens}, {EmbeddingWidth}]";
}
