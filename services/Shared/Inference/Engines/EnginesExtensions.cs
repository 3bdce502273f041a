namespace Brownian.Inference.Engines;

/// <summary>Engines of models without adapters.</summary>
public static class EnginesExtensions
{
    /// <summary>Leases a model's text encoder; see <see cref="IEngines.TextEncoderAsync"/>.</summary>
    public static Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        this IEngines engines, string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.TextEncoderAsync(model, fingerprint, null, cancellationToken);

    /// <summary>Leases a model's denoiser; see <see cref="IEngines.DenoiserAsync"/>.</summary>
    public static Task<EngineLease<IDenoiser>> DenoiserAsync(
        this IEngines engines, string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.DenoiserAsync(model, fingerprint, null, null, [], cancellationToken);
}
