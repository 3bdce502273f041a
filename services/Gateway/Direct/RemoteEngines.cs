using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Images;
using Brownian.Platform.Wire;
using Brownian.Platform.Workers;
using Brownian.V1;

namespace Brownian.Gateway.Direct;

/// <summary>Engines behind the stage services' gRPC.</summary>
/// <param name="pool">The workers by what they serve.</param>
public sealed class RemoteEngines(WorkerPool pool) : IEngines
{
    /// <inheritdoc/>
    public Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken) =>
        Task.FromResult(new EngineLease<ITextEncoder>(new TextEncoder(pool, model, fingerprint ?? "", adapters)));

    /// <inheritdoc/>
    public Task<EngineLease<IDenoiser>> DenoiserAsync(
        string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
        CancellationToken cancellationToken) =>
        Task.FromResult(new EngineLease<IDenoiser>(new Denoiser(pool, model, fingerprint ?? "", part, adapters)));

    /// <inheritdoc/>
    public Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        Task.FromResult(new EngineLease<IImageEncoder>(new ImageEncoder(pool, model, fingerprint ?? "")));

    /// <inheritdoc/>
    public Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        Task.FromResult(new EngineLease<ITextProjection>(new TextProjection(pool, model, fingerprint ?? "")));

    /// <inheritdoc/>
    public Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        Task.FromResult(new EngineLease<IVaeDecoder>(new VaeCoder(pool, model, fingerprint ?? "")));

    /// <inheritdoc/>
    public Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        VaeDecoderAsync(model, fingerprint, cancellationToken);

    /// <inheritdoc/>
    public Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        Task.FromResult(new EngineLease<IVaeEncoder>(new VaeCoder(pool, model, fingerprint ?? "")));

    /// <inheritdoc/>
    public Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        Task.FromResult(new EngineLease<IImageUpscaler>(new Upscaler(pool, model, fingerprint ?? "")));

    private sealed class TextEncoder(WorkerPool pool, string model, string fingerprint, AdapterReferences? adapters) : ITextEncoder
    {
        public async Task<TextEncoding> EncodeAsync(TextPrompt prompt, CancellationToken cancellationToken)
        {
            EncodeTextRequest request = TextMessages.ToMessage(prompt);
            (request.Model, request.ModelFingerprint, request.AdaptersJson) = (model, fingerprint, WireJson.WriteOrEmpty(adapters));
            EncodeTextResponse response = await pool.CallAsync(
                WorkerRole.TextEncoder.Name,
                model,
                async channel => await new V1.TextEncoder.TextEncoderClient(channel).EncodeAsync(request, cancellationToken: cancellationToken),
                static () => true,
                cancellationToken);
            return TextMessages.ToEncoding(response, prompt.ClipSkip);
        }
    }

    private sealed class ImageEncoder(WorkerPool pool, string model, string fingerprint) : IImageEncoder
    {
        public async Task<Inference.Tensors.Tensor> EncodeAsync(Raster picture, CancellationToken cancellationToken)
        {
            var request = new EncodePictureRequest { Model = model, ModelFingerprint = fingerprint, Pixels = picture.ToRgb().ToMessage() };
            EncodePictureResponse response = await pool.CallAsync(
                WorkerRole.TextEncoder.Name,
                model,
                async channel =>
                    await new V1.TextEncoder.TextEncoderClient(channel).EncodePictureAsync(request, cancellationToken: cancellationToken),
                static () => true,
                cancellationToken);
            return WireTensors.ToTensor(response.Embedding, "embedding", 2);
        }
    }

    private sealed class TextProjection(WorkerPool pool, string model, string fingerprint) : ITextProjection
    {
        public async Task<TextFeatures> ProjectAsync(
            TextFeatures text, Inference.Tensors.Tensor? image, bool isPriors, CancellationToken cancellationToken)
        {
            var request = new ProjectRequest
            {
                Model = model,
                ModelFingerprint = fingerprint,
                Embedding = text.Embedding.ToMessage(),
                Pooled = text.Pooled?.ToMessage(),
                Mask = text.Mask?.ToMessage(),
                Image = image?.ToMessage(),
                IsPriors = isPriors,
            };
            ProjectResponse response = await pool.CallAsync(
                WorkerRole.TextEncoder.Name,
                model,
                async channel => await new V1.TextEncoder.TextEncoderClient(channel).ProjectAsync(request, cancellationToken: cancellationToken),
                static () => true,
                cancellationToken);
            return new TextFeatures(
                WireTensors.ToTensor(response.Embedding, "embedding", 3), WireTensors.ToTensor(response.Pooled, "pooled", 2),
                WireTensors.ToTensor(response.Mask, "mask", 2));
        }
    }

    private sealed class VaeCoder(WorkerPool pool, string model, string fingerprint) : IVaeDecoder, IVaeEncoder
    {
        public async Task<PixelImage> DecodeAsync(
            Inference.Tensors.Tensor latents, bool tiled, CancellationToken cancellationToken, bool withoutShift = false)
        {
            var request = new DecodeRequest
            {
                Model = model,
                ModelFingerprint = fingerprint,
                Latents = latents.ToMessage(),
                Tiled = tiled,
                WithoutShift = withoutShift
            };
            DecodeResponse response = await pool.CallAsync(
                WorkerRole.VaeDecoder.Name,
                model,
                async channel => await new Vae.VaeClient(channel).DecodeAsync(request, cancellationToken: cancellationToken),
                static () => true,
                cancellationToken);
            return WireTensors.ToImage(response.Pixels, "pixels");
        }

        public async Task<Inference.Tensors.Tensor> EncodeAsync(Inference.Tensors.Tensor image, bool tiled, CancellationToken cancellationToken)
        {
            var request = new EncodeImageRequest { Model = model, ModelFingerprint = fingerprint, Pixels = image.ToMessage(), Tiled = tiled };
            EncodeImageResponse response = await pool.CallAsync(
                WorkerRole.VaeDecoder.Name,
                model,
                async channel => await new Vae.VaeClient(channel).EncodeAsync(request, cancellationToken: cancellationToken),
                static () => true,
                cancellationToken);
            return WireTensors.ToTensor(response.Latents, "latents", 4);
        }
    }

    private sealed class Upscaler(WorkerPool pool, string model, string fingerprint) : IImageUpscaler
    {
        public async Task<PixelImage> UpscaleAsync(PixelImage image, int? tile, int overlap, CancellationToken cancellationToken)
        {
            var request = new UpscaleRequest { Model = model, ModelFingerprint = fingerprint, Pixels = image.ToMessage(), TileOverlap = overlap };
            if (tile is { } side)
            {
                request.Tile = side;
            }
            UpscaleResponse response = await pool.CallAsync(
                WorkerRole.VaeDecoder.Name,
                model,
                async channel => await new Vae.VaeClient(channel).UpscaleAsync(request, cancellationToken: cancellationToken),
                static () => true,
                cancellationToken);
            return WireTensors.ToImage(response.Pixels, "pixels");
        }
    }

    private sealed class Denoiser(WorkerPool pool, string model, string fingerprint, string? part, AdapterReferences? adapters) : IDenoiser
    {
        public async Task<IReadOnlyList<Inference.Engines.DenoiseResult>> DenoiseAsync(
            IReadOnlyList<DenoiseTask> tasks, IProgress<Inference.Engines.DenoiseProgress>? progress, CancellationToken cancellationToken)
        {
            var results = new List<Inference.Engines.DenoiseResult>();
            for (int i = 0; i < tasks.Count; i++)
            {
                IDenoising run = Begin(tasks[i]);
                while (!run.IsDone)
                {
                    await run.EvaluateAsync(cancellationToken);
                    progress?.Report(new Inference.Engines.DenoiseProgress(i, run.Evaluation, run.Evaluations));
                }
                results.Add(run.Result());
            }
            return results;
        }

        public IDenoising Begin(DenoiseTask task) => new RemoteDenoising(pool, model, fingerprint, part, adapters, task);

        public IDenoising Restore(DenoiseTask task, ReadOnlyMemory<byte> state) =>
            throw new NotSupportedException("A call goes on from nothing: jobs do");
    }
}
