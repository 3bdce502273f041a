using Brownian.Inference.Engines;
using Brownian.Inference.Models;

namespace Brownian.Inference.Families;

/// <summary>
/// What a Stable Diffusion 1.x or 2.x model's files say of it. What they leave out is null until <see cref="Complete"/> has measured it on
/// the loaded graphs.
/// </summary>
public sealed record StableDiffusionFacts
{
    /// <summary>What the reference's ONNX pipelines multiply latents with, whose folders say nothing: the older converter's layout.</summary>
    public const double UnstatedScalingFactor = 0.18215;

    /// <summary>The latent side of the reference's pipelines where the UNet's configuration says none.</summary>
    public const int UnstatedSampleSize = 64;

    /// <summary>The channels of latents.</summary>
    public int? Channels { get; init; }

    /// <summary>Pixels a side of one latent.</summary>
    public int? Scale { get; init; }

    /// <summary>What a side in latents must be a multiple of: how often the UNet halves it.</summary>
    public int? LatentMultiple { get; init; }

    /// <summary>The latent side that the model was made for.</summary>
    public int SampleSize { get; init; } = UnstatedSampleSize;

    /// <summary>The only latent [height, width] that the graphs take, where they fix it.</summary>
    public LatentSize? FixedLatentSize { get; init; }

    /// <summary>What latents are divided by before decoding.</summary>
    public double ScalingFactor { get; init; } = UnstatedScalingFactor;

    /// <summary>Whether the folder says <see cref="ScalingFactor"/>.</summary>
    public bool StatesScalingFactor { get; init; }

    /// <summary>What a side in pixels must be a multiple of; null while unknown.</summary>
    public int? PixelMultiple => Scale * LatentMultiple;

    /// <summary>What the configurations say; loads no graph.</summary>
    public static StableDiffusionFacts Read(ModelFolder model)
    {
        GraphFile unet = model.Require("unet"), vae = model.Require("vae_decoder");
        int? vaeLevels = Levels(vae), unetLevels = Levels(unet);
        double? scaling = vae.Number("scaling_factor") ?? model.Manifest.ScalingFactor;
        if (scaling is { } factor && !(factor > 0 && double.IsFinite(factor)))
        {
            throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"{model.FolderPath}: the scaling factor is {factor}; it must be above 0"));
        }
        return new StableDiffusionFacts
        {
            Channels = vae.Integer("latent_channels"),
            Scale = vaeLevels is { } levels ? 1 << (levels - 1) : null,
            LatentMultiple = unetLevels is { } halvings ? 1 << (halvings - 1) : null,
            SampleSize = ReadSampleSize(unet),
            ScalingFactor = scaling ?? UnstatedScalingFactor,
            StatesScalingFactor = scaling is not null,
        };
    }

    /// <summary>The facts with what was missing read from the graphs, or measured on small runs of them.</summary>
    /// <exception cref="ModelException">The graphs do not fit together.</exception>
    internal StableDiffusionFacts Complete(LocalDenoiser denoiser, LocalVaeDecoder decoder, int tokens, int embeddingWidth)
    {
        UnetGraph unet = denoiser.Unet;
        if (unet.Embedding.Fixed(2) is { } expected && expected != embeddingWidth)
        {
            throw new ModelException($"{denoiser.Graph.File} takes embeddings of width {expected}, the text encoder gives {embeddingWidth}: the folder mixes two models");
        }
        LatentSize? fixedSize = FixedSize(unet);
        int channels = decoder.Channels ?? unet.Output.Fixed(1) ?? Channels ?? ProbeChannels(unet, tokens, embeddingWidth);
        if (Channels is { } stated && stated != channels)
        {
            throw new ModelException($"{decoder.Graph.File} takes {channels} channels, its config.json says {stated}");
        }
        RequireChannels(denoiser, channels);
        int scale = decoder.ProbeScale(channels);
        if (Scale is { } statedScale && statedScale != scale)
        {
            throw new ModelException(
                $"{decoder.Graph.File} makes {scale} pixels of a latent's side, by the block_out_channels of config.json beside it they would be {statedScale}");
        }
        return this with
        {
            Channels = channels,
            Scale = scale,
            FixedLatentSize = fixedSize,
            LatentMultiple = fixedSize is not null ? 1 : LatentMultiple ?? ProbeMultiple(unet, channels, tokens, embeddingWidth),
        };
    }

    /// <summary>
    /// The facts with what a denoiser alone can tell, or null where the configurations leave out what takes the other graphs to measure.
    /// </summary>
    /// <exception cref="ModelException">The graph does not fit the configurations.</exception>
    internal StableDiffusionFacts? CompleteFrom(LocalDenoiser denoiser)
    {
        UnetGraph unet = denoiser.Unet;
        LatentSize? fixedSize = FixedSize(unet);
        if (Channels is not { } channels || Scale is null || (LatentMultiple is null && fixedSize is null))
        {
            return null;
        }
        RequireChannels(denoiser, channels);
        return this with { FixedLatentSize = fixedSize, LatentMultiple = fixedSize is not null ? 1 : LatentMultiple };
    }

    private static LatentSize? FixedSize(UnetGraph unet) =>
        unet.Sample.Fixed(2) is { } height && unet.Sample.Fixed(3) is { } width ? new LatentSize(height, width) : null;

    /// <summary>Refuses a UNet that takes another number of channels than the decoder.</summary>
    private static void RequireChannels(LocalDenoiser denoiser, int channels)
    {
        if ((denoiser.Unet.Sample.Fixed(1) ?? channels) is { } taken && taken != channels)
        {
            string kind = taken switch { 9 => " (an inpainting model)", 8 => " (an instruct-pix2pix model)", 5 => " (a depth model)", 7 => " (an upscaler)", _ => "" };
            throw new ModelException($"{denoiser.Graph.File} takes {taken} channels and the decoder {channels}{kind}: text to image needs the same number in both");
        }
    }

    /// <summary>The number of resolutions, each half the one before.</summary>
    private static int? Levels(GraphFile graph) => graph.Count("block_out_channels") switch
    {
        null => null,
        int levels and >= 1 and <= 8 => levels,
        int levels => throw new ModelException($"{graph.Part}/config.json beside {graph.File} has {levels} block_out_channels; it must have 1..8"),
    };

    /// <summary>One number, or a list of height and width that are equal.</summary>
    private static int ReadSampleSize(GraphFile unet)
    {
        if (unet.Config?["sample_size"] is not { } stated)
        {
            return UnstatedSampleSize;
        }
        int? side = stated is System.Text.Json.Nodes.JsonArray { Count: 2 } pair ? GraphFile.Integer(pair[0]) : GraphFile.Integer(stated);
        return side is >= 1 and <= 1024
            ? side.Value
            : throw new ModelException($"unet/config.json beside {unet.File} has the sample_size {stated.ToJsonString()}; it must be a number of latents, 1..1024");
    }

    private static int ProbeChannels(UnetGraph unet, int tokens, int embeddingWidth)
    {
        foreach (int channels in (ReadOnlySpan<int>)[4, 16, 8, 3, 9, 7, 5])
        {
            if (unet.Runs(channels, 16, 16, tokens, embeddingWidth))
            {
                return channels;
            }
        }
        throw new ModelException($"{unet.Graph.File} ran with none of the usual numbers of latent channels: does it belong to this text encoder?");
    }

    /// <summary>Three times a power of two runs only where the graph halves no oftener than that power.</summary>
    private static int ProbeMultiple(UnetGraph unet, int channels, int tokens, int embeddingWidth)
    {
        for (int multiple = 1; multiple <= 64; multiple *= 2)
        {
            if (unet.Runs(channels, 3 * multiple, 3 * multiple, tokens, embeddingWidth))
            {
                return multiple;
            }
        }
        throw new ModelException($"{unet.Graph.File} ran at no size that was tried: does it belong to this text encoder?");
    }
}
