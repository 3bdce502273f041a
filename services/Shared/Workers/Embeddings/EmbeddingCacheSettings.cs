namespace Brownian.Workers.Embeddings;

/// <summary>Limits on the lifetime and size of cached embeddings.</summary>
public sealed record EmbeddingCacheSettings
{
    /// <summary>How long an embedding is kept in the shared cache.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long a process keeps an embedding in its own memory.</summary>
    public TimeSpan LocalLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The largest total size of the embeddings in a process's memory, in bytes.</summary>
    public long LocalBytes { get; init; } = 256L << 20;

    /// <summary>The largest size of one embedding in bytes; larger ones are not cached.</summary>
    public long MaxBytes { get; init; } = 32L << 20;
}
