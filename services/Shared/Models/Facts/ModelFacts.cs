using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Formats.Files;
using Brownian.Models.Folders;

namespace Brownian.Models.Facts;

/// <summary>
/// What a model's files say of it. What they leave out is null until it was measured on the loaded graphs; families
/// whose folders say everything need no measuring.
/// </summary>
public sealed record ModelFacts
{
    /// <summary>What the reference's ONNX pipelines multiply latents with, whose folders say nothing: the older converter's layout.</summary>
    public const double UnstatedScalingFactor = 0.18215;

    /// <summary>The latent side of the reference's pipelines where the UNet's configuration says none.</summary>
    public const int UnstatedSampleSize = 64;

    /// <summary>The side in pixels that Stable Diffusion 1.x's VAE was made for.</summary>
    public const int UnstatedTilePixels = 512;

    /// <summary>Pixels a side of one latent in every VAE of the family so far.</summary>
    private const int DefaultScale = 8;

    /// <summary>The family of folders that name none.</summary>
    public const string DefaultFamily = "stable-diffusion";

    /// <summary>The family's key.</summary>
    public string Family { get; init; } = DefaultFamily;

    /// <summary>The folders of the denoisers' graphs, in the order in which they run; empty where there is none.</summary>
    public IReadOnlyList<string> Denoisers { get; init; } = [];

    /// <summary>The denoiser's <c>scheduler_config.json</c> where it lies elsewhere than in <c>scheduler</c>; null for that.</summary>
    public JsonObject? Scheduler { get; init; }

    /// <summary>Further schedulers by what they are for: <c>noising</c> of a small picture, <c>prior</c>, <c>super-resolution</c>.</summary>
    public IReadOnlyDictionary<string, JsonObject> Schedulers { get; init; } = new Dictionary<string, JsonObject>();

    /// <summary>The text encoders where one of them is T5; null for CLIP's alone.</summary>
    public TextFacts? Text { get; init; }

    /// <summary>The width of what the denoiser is given for a token; null where only the graphs tell.</summary>
    public int? EmbeddingWidth { get; init; }

    /// <summary>The largest level that a small image may be noised to.</summary>
    [JsonPropertyName("most_noise_level")]
    public int MaxNoiseLevel { get; init; } = 999;

    /// <summary>The longest side of latents that the denoiser knows places for; null for any.</summary>
    [JsonPropertyName("most_latent_side")]
    public int? MaxLatentSide { get; init; }

    /// <summary>The side in pixels of what a super-resolution within the model makes; 0 without one.</summary>
    public int SuperResolution { get; init; }

    /// <summary>Whether a second graph makes the super-resolution's last step.</summary>
    public bool HasLastStep { get; init; }

    /// <summary>Whether there is a graph with perturbed self-attention beside the denoiser's.</summary>
    public bool HasPerturbed { get; init; }

    /// <summary>Whether there is a graph that makes an embedding of an image.</summary>
    public bool HasImageEncoder { get; init; }

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

    /// <summary>What is taken away from the VAE's latents before they are scaled.</summary>
    public double ShiftFactor { get; init; }

    /// <summary>The mean of each channel of the VAE's latents; null where they are not made alike.</summary>
    public IReadOnlyList<double>? LatentsMean { get; init; }

    /// <summary>The deviation of each channel of the VAE's latents; null where they are not made alike.</summary>
    public IReadOnlyList<double>? LatentsStd { get; init; }

    /// <summary>The side in pixels that the VAE was made for, and that tiles have.</summary>
    public int TilePixels { get; init; } = UnstatedTilePixels;

    /// <summary>Whether the folder holds a decoder and nothing else: it makes previews of other models' latents.</summary>
    public bool IsDecoderOnly { get; init; }

    /// <summary>Whether there is a graph that makes latents of images.</summary>
    public bool HasVaeEncoder { get; init; }

    /// <summary>Whether it is Stable Diffusion XL: with a second text encoder, pooled embeddings and sizes.</summary>
    public bool IsXl { get; init; }

    /// <summary>How many text encoders there are: XL's refiner has the second one alone.</summary>
    public int TextEncoders { get; init; } = 1;

    /// <summary>The most layers that clip skip can leave out; null where only the graphs tell.</summary>
    [JsonPropertyName("most_clip_skip")]
    public int? MaxClipSkip { get; init; }

    /// <summary>Whether sizes are followed by an aesthetic score: XL's refiner.</summary>
    public bool RequiresAestheticScore { get; init; }

    /// <summary>Whether zeros stand for a negative prompt that is not given.</summary>
    public bool ForceZeros { get; init; }

    /// <summary>Whether the guidance scale is an input of the model, and there is no pass without the prompt: LCM.</summary>
    public bool EmbedsGuidance { get; init; }

    /// <summary>The channels of what the denoiser is given; null while unknown.</summary>
    public int? InputChannels { get; init; }

    /// <summary>The names of the ControlNets in the model's folder, in the order in which they are taken where a request names none.</summary>
    public IReadOnlyList<string> ControlNets { get; init; } = [];

    /// <summary>
    /// The channels of the layers that ControlNets speak to, as the denoiser's graph has them; empty where it hears none, null while that is unknown.
    /// </summary>
    public IReadOnlyList<int>? ControlLayers { get; init; }

    /// <summary>Whether ControlNets can speak to it, as far as that is known.</summary>
    [JsonIgnore]
    public bool HearsControlNets => (ControlLayers is not { Count: 0 } || ControlNets.Count > 0) && !IsGuidedByImage;

    /// <summary>Whether the denoiser is given mask and masked image beside the latents.</summary>
    [JsonIgnore]
    public bool IsInpainting => InputChannels is { } inputs && inputs == 2 * Channels + 1;

    /// <summary>Whether the denoiser is given an image beside the latents: instruct-pix2pix.</summary>
    [JsonIgnore]
    public bool IsGuidedByImage => InputChannels is { } inputs && inputs == 2 * Channels;

    /// <summary>How the VAE's latents become the ones that are denoised.</summary>
    [JsonIgnore]
    public LatentScaling Scaling => new() { Factor = ScalingFactor, Shift = ShiftFactor, Mean = LatentsMean, Std = LatentsStd };

    /// <summary>How the VAE's work is cut into tiles.</summary>
    public VaeTiling Tiling() => new(TilePixels, TilePixels / (Scale ?? DefaultScale));

    /// <summary>What a side in pixels must be a multiple of; null while unknown.</summary>
    public int? PixelMultiple => Scale * LatentMultiple;

    /// <summary>What the configurations say; loads no graph.</summary>
    public static ModelFacts Read(ModelFolder model)
    {
        if (!model.Graphs.ContainsKey("unet"))
        {
            return ReadDecoder(model.Require("vae_decoder"));
        }
        GraphFile unet = model.Require("unet"), vae = model.Require("vae_decoder");
        int? vaeLevels = Levels(vae), unetLevels = Levels(unet);
        double? scaling = vae.Number("scaling_factor") ?? model.Manifest.ScalingFactor;
        if (scaling is { } factor && !(factor > 0 && double.IsFinite(factor)))
        {
            throw new ModelException(
                string.Create(CultureInfo.InvariantCulture, $"{model.FolderPath}: the scaling factor is {factor}; it must be above 0"));
        }
        return new ModelFacts
        {
            Denoisers = ["unet"],
            HasPerturbed = model.Graphs.ContainsKey("unet" + ModelFolder.PerturbedSuffix),
            Channels = vae.Integer("latent_channels"),
            Scale = vaeLevels is { } levels ? 1 << (levels - 1) : null,
            LatentMultiple = unetLevels is { } halvings ? 1 << (halvings - 1) : null,
            SampleSize = ReadSampleSize(unet),
            ScalingFactor = scaling ?? UnstatedScalingFactor,
            StatesScalingFactor = scaling is not null,
            ShiftFactor = vae.Number("shift_factor") ?? 0,
            LatentsMean = Numbers(vae, "latents_mean"),
            LatentsStd = Numbers(vae, "latents_std"),
            TilePixels = vae.Integer("sample_size") is >= 16 and int tile ? tile : UnstatedTilePixels,
            HasVaeEncoder = model.Graphs.ContainsKey("vae_encoder"),
            IsXl = model.Graphs.ContainsKey("text_encoder_2"),
            TextEncoders = model.Graphs.ContainsKey("text_encoder_2") && model.Graphs.ContainsKey("text_encoder") ? 2 : 1,
            MaxClipSkip = MaxClipSkipOf(model),
            RequiresAestheticScore = model.Index?["requires_aesthetics_score"] is JsonValue required && required.TryGetValue(out bool requires)
                && requires,
            ForceZeros = model.Index?["force_zeros_for_empty_prompt"] is not JsonValue forced || !forced.TryGetValue(out bool forces) || forces,
            EmbedsGuidance = unet.Integer("time_cond_proj_dim") is not null,
            InputChannels = unet.Integer("in_channels"),
            EmbeddingWidth = unet.Integer("cross_attention_dim"),
            ControlNets = [.. model.ControlNets.Select(net => net.Part)],
        };
    }

    /// <summary>What a decoder alone says: for latents that a sampling loop holds (AutoencoderTiny divides by nothing).</summary>
    public static ModelFacts ReadDecoder(GraphFile decoder) => new()
    {
        IsDecoderOnly = true,
        Channels = decoder.Integer("latent_channels") ?? 4,
        Scale = Levels(decoder) is { } levels ? 1 << (levels - 1) : DefaultScale,
        LatentMultiple = 1,
        ScalingFactor = decoder.Number("scaling_factor") ?? 1,
        StatesScalingFactor = decoder.Number("scaling_factor") is not null,
        ShiftFactor = decoder.Number("shift_factor") ?? 0,
        TilePixels = decoder.Integer("sample_size") is >= 16 and int tile ? tile : UnstatedTilePixels,
        InputChannels = decoder.Integer("latent_channels") ?? 4,
    };

    /// <summary>XL takes the layer before the last one; other models' graphs give no layer that could be taken.</summary>
    private static int? MaxClipSkipOf(ModelFolder model)
    {
        if (!model.Graphs.ContainsKey("text_encoder_2"))
        {
            return 0;
        }
        int?[] layers =
        [
            .. model.Graphs.Values.Where(graph => graph.Part is "text_encoder" or "text_encoder_2")
                .Select(graph => graph.Integer("num_hidden_layers"))
        ];
        return layers.Contains(null) ? null : layers.Min() - 1;
    }

    private static double[]? Numbers(GraphFile graph, string name) =>
        graph.Config?[name] is JsonArray { Count: > 0 } numbers && numbers.All(number => number is JsonValue value && value.TryGetValue(out double _))
            ? [.. numbers.Select(number => number!.GetValue<double>())]
            : null;

    /// <summary>The number of resolutions, each half the one before.</summary>
    public static int? Levels(GraphFile graph) => graph.Count("block_out_channels") switch
    {
        null => null,
        int levels and >= 1 and <= 8 => levels,
        int levels => throw new ModelException($"{graph.Part}/config.json beside {graph.File} has {levels} block_out_channels; it must have 1..8"),
    };

    /// <summary>One number, or a list of height and width that are equal.</summary>
    public static int ReadSampleSize(GraphFile unet)
    {
        if (unet.Config?["sample_size"] is not { } stated)
        {
            return UnstatedSampleSize;
        }
        int? side = stated is JsonArray { Count: 2 } pair ? JsonFile.Integer(pair[0]) : JsonFile.Integer(stated);
        return side is >= 1 and <= 1024
            ? side.Value
            : throw new ModelException(
                $"unet/config.json beside {unet.File} has the sample_size {stated.ToJsonString()}; it must be a number of latents, 1..1024");
    }
}
