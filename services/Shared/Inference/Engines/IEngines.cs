using Brownian.Formats.Files;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>The engines of models by name: in this process, or through gRPC.</summary>
public interface IEngines
{
    /// <summary>Leases a model's text encoder.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="fingerprint">The expected fingerprint of the model; null or empty for any.</param>
    /// <param name="adapters">The adapters that are merged into it; null for none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ModelException">The model or an adapter does not exist, has another fingerprint, or does not fit.</exception>
    Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken);

    /// <summary>Leases one of a model's denoisers. For parameters and exceptions see <see cref="TextEncoderAsync"/>.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="fingerprint">The expected fingerprint of the model; null or empty for any.</param>
    /// <param name="part">The folder of the denoiser's graph; null for the model's first.</param>
    /// <param name="adapters">The adapters that are merged into it; null for none.</param>
    /// <param name="controlNets">The ControlNets that the tasks name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<EngineLease<IDenoiser>> DenoiserAsync(
        string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
        CancellationToken cancellationToken);

    /// <summary>Leases a model's image encoder. For parameters and exceptions see <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>Leases a model's projection of prompts and images. For parameters and exceptions see <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>Leases a model's VAE decoder. For parameters and exceptions see <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>
    /// Leases the decoder of a model's previews: the small decoder in its folder when there is one, otherwise its VAE decoder. For parameters and
    /// exceptions see <see cref="VaeDecoderAsync"/>.
    /// </summary>
    Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>Leases a model's VAE encoder. For parameters and exceptions see <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>Leases a model that is an upscaler without noise. For parameters and exceptions see <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken);
}
