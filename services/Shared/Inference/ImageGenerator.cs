using System.Runtime.CompilerServices;
using Brownian.Inference.Engines;
using Brownian.Inference.Families;
using Brownian.Inference.Images;
using Brownian.Inference.Models;
using Brownian.Inference.Requests;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;
using Brownian.Inference.Tokenizers;

namespace Brownian.Inference;

/// <summary>A model in this process: its three engines, and the way of a request through them.</summary>
public sealed class ImageGenerator : IDisposable
{
    private readonly LocalTextEncoder _textEncoder;
    private readonly LocalDenoiser _denoiser;
    private readonly LocalVaeDecoder _decoder;

    private ImageGenerator(ModelFolder model, StableDiffusionFacts facts, LocalTextEncoder textEncoder, LocalDenoiser denoiser, LocalVaeDecoder decoder)
    {
        Model = model;
        Facts = facts;
        _textEncoder = textEncoder;
        _denoiser = denoiser;
        _decoder = decoder;
    }

    /// <summary>The model's folder.</summary>
    public ModelFolder Model { get; }

    /// <summary>What is known of the model, measured where its files say nothing.</summary>
    public StableDiffusionFacts Facts { get; }

    /// <summary>The number of token ids that the text encoder takes.</summary>
    public int Window => _textEncoder.Window;

    /// <summary>Loads a model's graphs.</summary>
    /// <exception cref="ModelException">A part is missing, damaged or does not fit the others.</exception>
    public static async Task<ImageGenerator> LoadAsync(ModelFolder model, SessionSettings settings, CancellationToken cancellationToken)
    {
        StableDiffusion.RequireFamily(model);
        StableDiffusionFacts facts = StableDiffusionFacts.Read(model);
        var parts = new List<IDisposable>();
        try
        {
            LocalTextEncoder textEncoder = Keep(new LocalTextEncoder(ClipTokenizer.Load(model.Tokenizer!), OnnxGraph.Load(model.Require("text_encoder").File, settings)));
            cancellationToken.ThrowIfCancellationRequested();
            LocalDenoiser denoiser = Keep(new LocalDenoiser(OnnxGraph.Load(model.Require("unet").File, settings)));
            cancellationToken.ThrowIfCancellationRequested();
            LocalVaeDecoder decoder = Keep(new LocalVaeDecoder(OnnxGraph.Load(model.Require("vae_decoder").File, settings), facts.ScalingFactor));
            int width = (await textEncoder.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Embedding.Shape[2];
            return new ImageGenerator(model, facts.Complete(denoiser, decoder, textEncoder.Window, width), textEncoder, denoiser, decoder);
        }
        catch
        {
            foreach (IDisposable part in parts)
            {
                part.Dispose();
            }
            throw;
        }

        T Keep<T>(T part)
            where T : IDisposable
        {
            parts.Add(part);
            return part;
        }
    }

    /// <summary>What a request means for this model.</summary>
    /// <exception cref="FieldFaultException">With every fault.</exception>
    public ResolvedRequest Resolve(GenerationRequest request) => StableDiffusion.Resolve(request, ModelCard.Of(Model, Facts));

    /// <summary>Makes the pictures of a request, one after the other, so that a picture's bytes do not depend on what it was asked with.</summary>
    /// <param name="request">Resolved for this model.</param>
    /// <param name="progress">Told after every evaluation.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <returns>The pictures in the order of the seeds, each as soon as it is done.</returns>
    public async IAsyncEnumerable<GeneratedImage> GenerateAsync(
        ResolvedRequest request,
        IProgress<DenoiseProgress>? progress,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        TextEncoding prompt = await _textEncoder.EncodeAsync(request.Prompt, cancellationToken).ConfigureAwait(false);
        TextEncoding? negative = request.NegativePrompt is { } text ? await _textEncoder.EncodeAsync(text, cancellationToken).ConfigureAwait(false) : null;
        DenoiseSettings settings = StableDiffusion.DenoiseSettings(request, Facts);
        for (int i = 0; i < request.Seeds.Count; i++)
        {
            int index = i;
            DenoiseTask task = settings.ToTask(i, prompt.Embedding, negative?.Embedding);
            IProgress<DenoiseProgress>? numbered = progress is null ? null : new Renumbered(progress, index);
            IReadOnlyList<DenoiseResult> results = await _denoiser.DenoiseAsync([task], numbered, cancellationToken).ConfigureAwait(false);
            PixelImage image = await _decoder.DecodeAsync(results[0].Latents, cancellationToken).ConfigureAwait(false);
            yield return new GeneratedImage(index, request.Seeds[i], image, results[0], prompt, negative);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _textEncoder.Dispose();
        _denoiser.Dispose();
        _decoder.Dispose();
    }

    private sealed class Renumbered(IProgress<DenoiseProgress> inner, int index) : IProgress<DenoiseProgress>
    {
        public void Report(DenoiseProgress value) => inner.Report(value with { Task = index });
    }
}
