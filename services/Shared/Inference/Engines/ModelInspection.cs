using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>Determines facts about a model that need its loaded graphs, and checks that the graphs run.</summary>
/// <param name="models">The models.</param>
/// <param name="engines">Their engines.</param>
internal sealed class ModelInspection(LocalModels models, EngineSource engines)
{
    /// <summary>
    /// Returns a model's card. Loads its denoiser. Facts that the configurations omit are measured on the other graphs, which may be unloaded again
    /// when memory is needed.
    /// </summary>
    /// <exception cref="ModelException">The model is damaged.</exception>
    public async Task<ModelCard> DescribeAsync(string model, CancellationToken cancellationToken) =>
        (await DescribeFilesAsync(model, cancellationToken).ConfigureAwait(false)) with
        {
            Fingerprint = await models.FingerprintAsync(model).ConfigureAwait(false),
        };

    /// <summary>Returns a model's card as <see cref="DescribeAsync"/> does, but without its fingerprint, which is of every byte.</summary>
    /// <exception cref="ModelException">The model is damaged.</exception>
    public async Task<ModelCard> DescribeFilesAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = models.Folder(model);
        ModelFacts facts = ModelFamilies.Read(folder);
        if (facts.Family == ImageUpscaler.FamilyKey)
        {
            using EngineLease<LocalImageUpscaler> upscaler =
                await engines.ImageUpscalerAsync(model, cancellationToken).ConfigureAwait(false);
            facts = facts with { Scale = upscaler.Engine.Scale };
        }
        if (facts.Family != StableDiffusion.FamilyKey)
        {
            return ModelFamilies.CardOf(folder, facts, "");
        }
        if (facts.IsDecoderOnly)
        {
            using EngineLease<LocalVaeDecoder> alone = await engines.VaeDecoderAsync(model, cancellationToken).ConfigureAwait(false);
            return ModelFamilies.CardOf(folder, facts, "");
        }
        using EngineLease<LocalDenoiser> denoiser = await engines.DenoiserAsync(model, "unet", cancellationToken).ConfigureAwait(false);
        if (facts.CompleteFrom(denoiser.Engine) is { } complete)
        {
            facts = complete;
        }
        else
        {
            using EngineLease<ILocalTextEncoder> encoder =
                await engines.TextEncoderAsync(model, cancellationToken).ConfigureAwait(false);
            using EngineLease<LocalVaeDecoder> decoder =
                await engines.VaeDecoderAsync(model, cancellationToken).ConfigureAwait(false);
            int width = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape[2];
            facts = facts.Complete(denoiser.Engine, decoder.Engine, encoder.Engine.Window, width);
        }
        return ModelFamilies.CardOf(folder, facts, "");
    }

    /// <summary>Loads the graphs that an image needs, side by side: the text encoders, the denoisers and the VAE decoder.</summary>
    /// <exception cref="ModelException">A graph is damaged.</exception>
    public async Task LoadAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = models.Folder(model);
        IReadOnlyList<string> denoisers = ModelFamilies.Read(folder).Denoisers;
        var loads = denoisers.Select(part => LoadAsync(engines.DenoiserAsync(model, part, cancellationToken))).ToList();
        if (denoisers.Count > 0)
        {
            loads.Add(LoadAsync(engines.TextEncoderAsync(model, cancellationToken)));
        }
        if (folder.Graphs.ContainsKey("vae_decoder"))
        {
            loads.Add(LoadAsync(engines.VaeDecoderAsync(model, cancellationToken)));
        }
        await Task.WhenAll(loads).ConfigureAwait(false);

        static async Task LoadAsync<T>(Task<EngineLease<T>> lease)
            where T : class => (await lease.ConfigureAwait(false)).Dispose();
    }

    /// <summary>Loads a model's text encoders and denoiser, and rejects a folder whose graphs are of two models.</summary>
    /// <exception cref="ModelException">The graphs do not fit each other, or are damaged.</exception>
    public async Task RequireFitAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = models.Folder(model);
        ModelFacts facts = ModelFamilies.Read(folder);
        if (facts.Denoisers.Count == 0)
        {
            return;
        }
        using EngineLease<ILocalTextEncoder> encoder =
            await engines.TextEncoderAsync(model, cancellationToken).ConfigureAwait(false);
        int width = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape[2];
        foreach (string part in facts.Denoisers)
        {
            using EngineLease<LocalDenoiser> denoiser =
                await engines.DenoiserAsync(model, part, cancellationToken).ConfigureAwait(false);
            if (denoiser.Engine.Model.Embedding?.Fixed(2) is { } expected && expected != width)
            {
                throw new ModelException(
                    $"{denoiser.Engine.Graph.File} takes embeddings of width {expected}, the text encoder "
                        + $"gives {width}: the folder mixes two models");
            }
        }
        if (folder.Graphs.ContainsKey("vae_decoder"))
        {
            (await engines.VaeDecoderAsync(model, cancellationToken).ConfigureAwait(false)).Dispose();
        }
    }

    /// <summary>Runs a model's graph for a stage kind once, on the smallest possible input.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="kind">One of <see cref="StageKind"/>.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The model is damaged, or its graph failed.</exception>
    public async Task WarmUpAsync(string model, string kind, CancellationToken cancellationToken)
    {
        ModelFacts facts = ModelFamilies.Read(models.Folder(model));
        switch (kind)
        {
            case StageKind.TextEncode or StageKind.Denoise when facts.Denoisers.Count == 0:
                break;
            case StageKind.Denoise when facts.Family != StableDiffusion.FamilyKey:
                // The inputs of these graphs depend on a request, so only loading can be checked.
                foreach (string part in facts.Denoisers)
                {
                    (await engines.DenoiserAsync(model, part, cancellationToken).ConfigureAwait(false)).Dispose();
                }
                break;
            case StageKind.VaeDecode when facts.Family == ImageUpscaler.FamilyKey:
                (await engines.ImageUpscalerAsync(model, cancellationToken).ConfigureAwait(false)).Dispose();
                break;
            case StageKind.VaeDecode when !models.Folder(model).Graphs.ContainsKey("vae_decoder"):
                break;
            case StageKind.TextEncode:
                using (
                    EngineLease<ILocalTextEncoder> encoder =
                        await engines.TextEncoderAsync(model, cancellationToken).ConfigureAwait(false))
                {
                    await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false);
                }
                break;
            case StageKind.Denoise:
                ModelCard card = await DescribeAsync(model, cancellationToken).ConfigureAwait(false);
                using (EngineLease<LocalDenoiser> denoiser = await engines.DenoiserAsync(model, "unet", cancellationToken).ConfigureAwait(false))
                {
                    (int tokens, int width) = await EmbeddingSizeAsync(model, denoiser.Engine, cancellationToken).ConfigureAwait(false);
                    LatentSize size =
                        card.Facts.FixedLatentSize ?? new LatentSize(2 * card.Facts.LatentMultiple!.Value, 2 * card.Facts.LatentMultiple.Value);
                    await denoiser.Engine.RunAsync(
                        run => denoiser.Engine.Model.Runs(card.Facts.InputChannels!.Value, size.Height, size.Width, tokens, width)
                            ? true
                            : throw new ModelException($"{denoiser.Engine.Graph.File} failed on a run of {size.Width}x{size.Height} latents"),
                        cancellationToken).ConfigureAwait(false);
                }
                break;
            case StageKind.VaeDecode:
                using (
                    EngineLease<LocalVaeDecoder> decoder =
                        await engines.VaeDecoderAsync(model, cancellationToken).ConfigureAwait(false))
                {
                    decoder.Engine.ProbeScale(decoder.Engine.Channels ?? facts.Channels ?? 4);
                }
                break;
            default:
                // Image encoders are loaded when a job has an image. Files are written without a graph.
                break;
        }
    }

    private async Task<(int Tokens, int Width)> EmbeddingSizeAsync(string model, LocalDenoiser denoiser, CancellationToken cancellationToken)
    {
        if ((denoiser.Model.Embedding?.Fixed(2) ?? models.Folder(model).Require("unet").Integer("cross_attention_dim")) is { } width)
        {
            return (denoiser.Model.Embedding?.Fixed(1) ?? 77, width);
        }
        using EngineLease<ILocalTextEncoder> encoder =
            await engines.TextEncoderAsync(model, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<int> shape = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape;
        return (shape[1], shape[2]);
    }
}
