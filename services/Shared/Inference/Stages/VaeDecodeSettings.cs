namespace Brownian.Inference.Stages;

/// <summary>Settings of a vae-decode stage.</summary>
public sealed record VaeDecodeSettings
{
    /// <summary>Whether it is done in tiles.</summary>
    public bool Tiled { get; init; }
}
