using Brownian.Formats.Files;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>The engines of models by name: in this process, or behind gRPC.</summary>
public interface IEngines
{
    /// <summary>A model's text encoder.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="fingerprint">What the model's fingerprint must be; null or empty for any.</param>
    /// <param name="adapters">What is merged into it; null for nothing.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ModelException">There is no such model or adapter here, it is another one, or they do not fit.</exception>
    Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken);

    /// <summary>One of a model's denoisers; parameters and errors as of <see cref="TextEncoderAsync"/>.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="fingerprint">What the model's fingerprint must be; null or empty for any.</param>
    /// <param name="part">The folder of its graph; null for the model's first.</param>
    /// <param name="adapters">What is merged into it; null for nothing.</param>
    /// <param name="controlNets">The ControlNets that its tasks name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<EngineLease<IDenoiser>> DenoiserAsync(
        string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
        CancellationToken cancellationToken);

    /// <summary>A model's encoder of images; parameters and errors as of <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>A model's projection of prompts and images; parameters and errors as of <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>A model's decoder; parameters and errors as of <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>
    /// What makes a model's previews: a small decoder of its own where its folder has one, or its decoder; parameters and errors as of
    /// <see cref="VaeDecoderAsync"/>.
    /// </summary>
    Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>A model's VAE encoder; parameters and errors as of <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken);

    /// <summary>A model that is an upscaler without noise; parameters and errors as of <see cref="TextEncoderAsync"/>.</summary>
    Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken);
}
