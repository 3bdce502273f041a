namespace Brownian.Inference.Engines;

/// <summary>Engines of models as they are, without adapters.</summary>
public static class EnginesExtensions
{
    /// <summary>A model's text encoder; as of <see cref="IEngines.TextEncoderAsync"/>.</summary>
    public static Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        this IEngines engines, string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.TextEncoderAsync(model, fingerprint, null, cancellationToken);

    /// <summary>A model's denoiser; as of <see cref="IEngines.DenoiserAsync"/>.</summary>
    public static Task<EngineLease<IDenoiser>> DenoiserAsync(
        this IEngines engines, string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.DenoiserAsync(model, fingerprint, null, null, [], cancellationToken);
}
