using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Formats.Files;
using Brownian.Models.Folders;

namespace Brownian.Models.Facts;

/// <summary>
/// The facts that a model's files state. A fact that the files omit is null until it is measured on the loaded graphs. Families whose folders state
/// every fact need no measuring.
/// </summary>
public sealed record ModelFacts
{
    /// <summary>
    /// The scaling factor for folders that state none, as the reference's ONNX pipelines use it. Such folders have the layout of the older converter.
    /// </summary>
    public const double UnstatedScalingFactor = 0.18215;

    /// <summary>The latent side that the reference's pipelines use when the UNet's configuration states none.</summary>
    public const int UnstatedSampleSize = 64;

    /// <summary>The side in pixels that the VAE of Stable Diffusion 1.x was trained for.</summary>
    public const int UnstatedTilePixels = 512;

    /// <summary>Pixels per side of one latent in every VAE of the family so far.</summary>
    private const int DefaultScale = 8;

    /// <summary>
    /// The beginning of the names of a CLIP text encoder's outputs of earlier layers behind its last norm, and the key of the configuration of graphs
    /// that have them.
    /// </summary>
    public const string NormedStates = "normed_hidden_states";

    /// <summary>The family of folders that state none.</summary>
    public const string DefaultFamily = "stable-diffusion";

    /// <summary>The family's key.</summary>
    public string Family { get; init; } = DefaultFamily;

    /// <summary>The folders of the denoisers' graphs, in the order in which they run; empty when there is none.</summary>
    public IReadOnlyList<string> Denoisers { get; init; } = [];

    /// <summary>
    /// The denoiser's <c>scheduler_config.json</c> when it is stored elsewhere than in <c>scheduler</c>; null when it is stored there.
    /// </summary>
    public JsonObject? Scheduler { get; init; }

    /// <summary>Further schedulers by their purpose: <c>noising</c> of a small image, <c>prior</c>, <c>super-resolution</c>.</summary>
    public IReadOnlyDictionary<string, JsonObject> Schedulers { get; init; } = new Dictionary<string, JsonObject>();

    /// <summary>The text encoders when one of them is T5; null for CLIP encoders alone.</summary>
    public TextFacts? Text { get; init; }

    /// <summary>The width of the denoiser's embedding of one token; null when only the graphs state it.</summary>
    public int? EmbeddingWidth { get; init; }

    /// <summary>The highest level that a small image may be noised to.</summary>
    [JsonPropertyName("most_noise_level")]
    public int MaxNoiseLevel { get; init; } = 999;

    /// <summary>The longest side of latents that the denoiser has positions for; null for any side.</summary>
    [JsonPropertyName("most_latent_side")]
    public int? MaxLatentSide { get; init; }

    /// <summary>The side in pixels of the images that a super-resolution within the model produces; 0 without one.</summary>
    public int SuperResolution { get; init; }

    /// <summary>Whether a second graph runs the last step of the super-resolution.</summary>
    public bool HasLastStep { get; init; }

    /// <summary>Whether the model has a graph with perturbed self-attention beside the denoiser's.</summary>
    public bool HasPerturbed { get; init; }

    /// <summary>Whether the model has a graph that encodes an image to an embedding.</summary>
    public bool HasImageEncoder { get; init; }

    /// <summary>The number of latent channels.</summary>
    public int? Channels { get; init; }

    /// <summary>Pixels per side of one latent.</summary>
    public int? Scale { get; init; }

    /// <summary>The number that a side in latents must be a multiple of. It depends on how often the UNet halves the side.</summary>
    public int? LatentMultiple { get; init; }

    /// <summary>The latent side that the model was trained for.</summary>
    public int SampleSize { get; init; } = UnstatedSampleSize;

    /// <summary>The only latent [height, width] that the graphs accept, when they fix it.</summary>
    public LatentSize? FixedLatentSize { get; init; }

    /// <summary>The number that latents are divided by before decoding.</summary>
    public double ScalingFactor { get; init; } = UnstatedScalingFactor;

    /// <summary>Whether the folder states <see cref="ScalingFactor"/>.</summary>
    public bool StatesScalingFactor { get; init; }

    /// <summary>The value that is subtracted from the VAE's latents before they are scaled.</summary>
    public double ShiftFactor { get; init; }

    /// <summary>The mean of each channel of the VAE's latents; null when they are not normalized per channel.</summary>
    public IReadOnlyList<double>? LatentsMean { get; init; }

    /// <summary>The standard deviation of each channel of the VAE's latents; null when they are not normalized per channel.</summary>
    public IReadOnlyList<double>? LatentsStd { get; init; }

    /// <summary>The side in pixels that the VAE was trained for. It is also the side of tiles.</summary>
    public int TilePixels { get; init; } = UnstatedTilePixels;

    /// <summary>Whether the folder contains only a decoder. Such a model decodes previews of other models' latents.</summary>
    public bool IsDecoderOnly { get; init; }

    /// <summary>Whether the model has a graph that encodes images to latents.</summary>
    public bool HasVaeEncoder { get; init; }

    /// <summary>Whether the model is Stable Diffusion XL: it has a second text encoder, pooled embeddings and size inputs.</summary>
    public bool IsXl { get; init; }

    /// <summary>The number of text encoders. XL's refiner has only the second one.</summary>
    public int TextEncoders { get; init; } = 1;

    /// <summary>The largest number of layers that clip skip can leave out; null when only the graphs state it.</summary>
    [JsonPropertyName("most_clip_skip")]
    public int? MaxClipSkip { get; init; }

    /// <summary>Whether the size inputs are followed by an aesthetic score (XL's refiner).</summary>
    public bool RequiresAestheticScore { get; init; }

    /// <summary>Whether a missing negative prompt is replaced by zeros.</summary>
    public bool ForceZeros { get; init; }

    /// <summary>Whether the guidance scale is an input of the model, so that there is no unconditional pass (LCM).</summary>
    public bool EmbedsGuidance { get; init; }

    /// <summary>The channels of the denoiser's input; null while unknown.</summary>
    public int? InputChannels { get; init; }

    /// <summary>The names of the ControlNets in the model's folder, in the order in which they are used when a request names none.</summary>
    public IReadOnlyList<string> ControlNets { get; init; } = [];

    /// <summary>
    /// The channels of the layers that ControlNets add to, as the denoiser's graph declares them; empty when the graph supports no ControlNet, null
    /// while that is unknown.
    /// </summary>
    public IReadOnlyList<int>? ControlLayers { get; init; }

    /// <summary>Whether the model supports ControlNets, as far as that is known.</summary>
    [JsonIgnore]
    public bool SupportsControlNets => (ControlLayers is not { Count: 0 } || ControlNets.Count > 0) && !IsGuidedByImage;

    /// <summary>Whether the denoiser receives a mask and the masked image beside the latents.</summary>
    [JsonIgnore]
    public bool IsInpainting => InputChannels is { } inputs && inputs == 2 * Channels + 1;

    /// <summary>Whether the denoiser receives an image beside the latents (instruct-pix2pix).</summary>
    [JsonIgnore]
    public bool IsGuidedByImage => InputChannels is { } inputs && inputs == 2 * Channels;

    /// <summary>The conversion of the VAE's latents to the latents that are denoised.</summary>
    [JsonIgnore]
    public LatentScaling Scaling => new() { Factor = ScalingFactor, Shift = ShiftFactor, Mean = LatentsMean, Std = LatentsStd };

    /// <summary>Returns how the VAE's input and output are cut into tiles.</summary>
    public VaeTiling Tiling() => new(TilePixels, TilePixels / (Scale ?? DefaultScale));

    /// <summary>The number that a side in pixels must be a multiple of; null while unknown.</summary>
    public int? PixelMultiple => Scale * LatentMultiple;

    /// <summary>Reads the facts that the configurations state. Loads no graph.</summary>
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
            MaxClipSkip = ReadMaxClipSkip(model),
            RequiresAestheticScore = model.Index?["requires_aesthetics_score"] is JsonValue required && required.TryGetValue(out bool requires)
                && requires,
            ForceZeros = model.Index?["force_zeros_for_empty_prompt"] is not JsonValue forced || !forced.TryGetValue(out bool forces) || forces,
            EmbedsGuidance = unet.Integer("time_cond_proj_dim") is not null,
            InputChannels = unet.Integer("in_channels"),
            EmbeddingWidth = unet.Integer("cross_attention_dim"),
            ControlNets = [.. model.ControlNets.Select(net => net.Part)],
        };
    }

    /// <summary>
    /// Reads the facts of a folder that contains only a decoder. It decodes latents as a sampling loop has them (AutoencoderTiny divides by nothing).
    /// </summary>
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

    /// <summary>
    /// The largest clip skip. XL reads the layer before the last one. Other models read layers behind the encoder's last norm: graphs of imports
    /// output them and their configuration says so, others do not, and their limit is 0.
    /// </summary>
    private static int? ReadMaxClipSkip(ModelFolder model)
    {
        if (!model.Graphs.ContainsKey("text_encoder_2"))
        {
            return model.Graphs.TryGetValue("text_encoder", out GraphFile? encoder) && encoder.Config?[NormedStates] is JsonValue value
                && value.TryGetValue(out bool hasNormed) && hasNormed && encoder.Integer("num_hidden_layers") is >= 1 and int all ? all - 1 : 0;
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

    /// <summary>Returns the number of resolutions. Each has half the side of the one before.</summary>
    public static int? Levels(GraphFile graph) => graph.Count("block_out_channels") switch
    {
        null => null,
        int levels and >= 1 and <= 8 => levels,
        int levels => throw new ModelException($"{graph.Part}/config.json beside {graph.File} has {levels} block_out_channels; it must have 1..8"),
    };

    /// <summary>Reads <c>sample_size</c>: one number, or a list of an equal height and width.</summary>
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
