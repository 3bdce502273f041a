namespace Brownian.Inference.Engines;

/// <summary>The sizes that a denoiser's buffers are made for.</summary>
/// <param name="Channels">The channels of the input: the latents and any additional channels.</param>
/// <param name="OutputChannels">The channels of the prediction, when the graph does not state them.</param>
/// <param name="Height">The height in latents.</param>
/// <param name="Width">The width in latents.</param>
/// <param name="Tokens">The number of tokens of the embeddings; 0 for none.</param>
/// <param name="EmbeddingWidth">The width of the embeddings; 0 for none.</param>
/// <param name="PooledWidth">The width of the pooled embeddings; 0 for none.</param>
/// <param name="TimeIds">The number of time ids; 0 for none.</param>
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
