namespace Brownian.Workers.Embeddings;

/// <summary>How long and how large embeddings are kept.</summary>
public sealed record EmbeddingCacheSettings
{
    /// <summary>How long an embedding is kept in the shared cache.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long a process keeps one in its own memory.</summary>
    public TimeSpan LocalLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The most bytes of the embeddings in a process's memory.</summary>
    public long LocalBytes { get; init; } = 256L << 20;

    /// <summary>The most bytes of one embedding: larger ones are not kept.</summary>
    public long MaxBytes { get; init; } = 32L << 20;
}
