using Brownian.Formats.Files;
using Brownian.Models.Facts;

namespace Brownian.Inference.Engines;

/// <summary>Completes the facts that a model's files omit, from its graphs or from small runs of them.</summary>
internal static class ModelProbe
{
    /// <summary>Returns the facts, with missing ones read from the graphs or measured by small runs of them.</summary>
    /// <exception cref="ModelException">The graphs do not fit together.</exception>
    public static ModelFacts Complete(this ModelFacts facts, LocalDenoiser denoiser, LocalVaeDecoder decoder, int tokens, int embeddingWidth)
    {
        DenoiserGraph unet = denoiser.Model;
        if (unet.Embedding?.Fixed(2) is { } expected && expected != embeddingWidth)
        {
            throw new ModelException(
                $"{denoiser.Graph.File} takes embeddings of width {expected}, the text encoder gives {embeddingWidth}: the folder mixes two models");
        }
        RequireResiduals(facts, unet);
        LatentSize? fixedSize = FixedSize(unet);
        int channels = decoder.Channels ?? unet.Output.Fixed(1) ?? facts.Channels ?? ProbeChannels(unet, tokens, embeddingWidth);
        if (facts.Channels is { } stated && stated != channels)
        {
            throw new ModelException($"{decoder.Graph.File} takes {channels} channels, its config.json has {stated}");
        }
        int inputs = RequireChannels(facts, denoiser, channels);
        int scale = decoder.ProbeScale(channels);
        if (facts.Scale is { } statedScale && statedScale != scale)
        {
            throw new ModelException(
                $"{decoder.Graph.File} makes {scale} pixels of a latent's side, by the block_out_channels of "
                    + $"config.json beside it they would be {statedScale}");
        }
        return WithGraph(facts, unet) with
        {
            Channels = channels,
            InputChannels = inputs,
            Scale = scale,
            FixedLatentSize = fixedSize,
            LatentMultiple = fixedSize is not null ? 1 : facts.LatentMultiple ?? ProbeMultiple(unet, inputs, tokens, embeddingWidth),
        };
    }

    /// <summary>
    /// Returns the facts completed from the denoiser alone, or null when the configurations omit facts that only the other graphs provide.
    /// </summary>
    /// <exception cref="ModelException">The graph does not fit the configurations.</exception>
    public static ModelFacts? CompleteFrom(this ModelFacts facts, LocalDenoiser denoiser)
    {
        DenoiserGraph unet = denoiser.Model;
        LatentSize? fixedSize = FixedSize(unet);
        if (facts.Channels is not { } channels || facts.Scale is null || (facts.LatentMultiple is null && fixedSize is null))
        {
            return null;
        }
        RequireResiduals(facts, unet);
        int inputs = RequireChannels(facts, denoiser, channels);
        return WithGraph(facts, unet) with
        {
            InputChannels = inputs,
            FixedLatentSize = fixedSize,
            LatentMultiple = fixedSize is not null ? 1 : facts.LatentMultiple
        };
    }

    /// <summary>Returns the facts completed with those that only the denoiser's graph states.</summary>
    private static ModelFacts WithGraph(ModelFacts facts, DenoiserGraph unet) => facts with
    {
        EmbedsGuidance = unet.GuidanceCondition is not null,
        EmbeddingWidth = unet.Embedding?.Fixed(2) ?? facts.EmbeddingWidth,
        ControlLayers = unet.Layers?.Channels ?? [],
    };

    private static LatentSize? FixedSize(DenoiserGraph unet) =>
        unet.Sample.Fixed(2) is { } height && unet.Sample.Fixed(3) is { } width ? new LatentSize(height, width) : null;

    /// <summary>Rejects a UNet that was exported without inputs for ControlNets when the model has ControlNets.</summary>
    /// <exception cref="ModelException">There are ControlNets and no such inputs.</exception>
    private static void RequireResiduals(ModelFacts facts, DenoiserGraph unet)
    {
        if (facts.ControlNets.Count > 0 && unet.Layers is null)
        {
            throw new ModelException(
                $"{unet.Graph.File} has no inputs down_block_0, down_block_1, ... and mid_block, which "
                    + $"{string.Join(", ", facts.ControlNets)} beside it need");
        }
    }

    /// <summary>Returns the number of channels that a UNet takes: the latents' channels, or those with mask and image.</summary>
    /// <exception cref="ModelException">The UNet takes another number of channels.</exception>
    private static int RequireChannels(ModelFacts facts, LocalDenoiser denoiser, int channels)
    {
        int taken = denoiser.Model.Sample.Fixed(1) ?? facts.InputChannels ?? channels;
        if (taken == channels || taken == 2 * channels || taken == 2 * channels + 1)
        {
            return taken;
        }
        string kind = taken switch { 5 => " (a depth model)", 7 => " (an upscaler)", _ => "" };
        throw new ModelException(
            $"{denoiser.Graph.File} takes {taken} channels and the decoder {channels}{kind}: allowed are {channels}, {2 * channels} "
                + $"(instruct-pix2pix) and {2 * channels + 1} (inpainting)");
    }

    private static int ProbeChannels(DenoiserGraph unet, int tokens, int embeddingWidth)
    {
        foreach (int channels in (ReadOnlySpan<int>)[4, 16, 8, 3, 9, 7, 5])
        {
            if (unet.Runs(channels, 16, 16, tokens, embeddingWidth))
            {
                return channels;
            }
        }
        throw new ModelException($"{unet.Graph.File} failed with every usual number of latent channels: does it belong to this text encoder?");
    }

    /// <summary>
    /// Finds the multiple of sides. A side of three times a power of two works only when the graph does not halve it more often than that power.
    /// </summary>
    private static int ProbeMultiple(DenoiserGraph unet, int channels, int tokens, int embeddingWidth)
    {
        for (int multiple = 1; multiple <= 64; multiple *= 2)
        {
            if (unet.Runs(channels, 3 * multiple, 3 * multiple, tokens, embeddingWidth))
            {
                return multiple;
            }
        }
        throw new ModelException($"{unet.Graph.File} failed at every size that was tried: does it belong to this text encoder?");
    }
}
