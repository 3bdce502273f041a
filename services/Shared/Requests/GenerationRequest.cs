using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Requests.Prompts;
using Brownian.Requests.References;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>
/// A client's request, with the fields that every interface shares. Properties with a <see cref="RequestFieldAttribute"/> are the fields of a
/// request, in the order in which requests are written; null selects the model's default.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>The length of the longest prompt, in UTF-16 code units.</summary>
    public const int MaxPromptLength = 32_000;

    /// <summary>The largest number of images of a request.</summary>
    public const int MaxImages = 64;

    /// <summary>The largest number of previews of a request.</summary>
    public const int MaxPreviews = 256;

    /// <summary>The largest number of ControlNets of a request.</summary>
    public const int MaxControls = 8;

    /// <summary>The smallest side in pixels.</summary>
    public const int MinSide = 16;

    /// <summary>The largest side in pixels.</summary>
    public const int MaxSide = 8192;

    /// <summary>The largest number of pixels of an image; an image that is enlarged in tiles is limited only by its sides.</summary>
    public const int MaxPixels = 2048 * 2048;

    /// <summary>The length of the longest file value; a file that is contained in the request is long.</summary>
    internal const int MaxFileLength = 96 << 20;

    private const int MaxNameLength = 4096;
    private const int MaxSteps = 1000;
    private const FieldScope Run = FieldScope.Stage | FieldScope.Refiner;
    private const FieldScope Shared = FieldScope.SharedByStages | FieldScope.SharedWithRefiner;

    /// <summary>The task; one of <see cref="RequestTask"/>.</summary>
    [ChoiceField(
        "The task; when not set, it is derived from the images that are given",
        RequestTask.TextToImage, RequestTask.ImageToImage, RequestTask.Inpaint, RequestTask.Upscale, RequestTask.Variation, RequestTask.Preview,
        Group = FieldGroup.Model, Scope = FieldScope.FirstStage, Default = "derived from the images")]
    public string Task { get; init; } = RequestTask.TextToImage;

    /// <summary>The name or folder of the model, or of a cascade's first stage; null for the model that ships with the program.</summary>
    [TextField(
        "A model's name or folder, or a list of up to three: the stages of a cascade",
        MaxNameLength, Group = FieldGroup.Model, Scope = FieldScope.Refiner, Default = "the model that ships")]
    public string? Model { get; init; }

    /// <summary>The prompt; null when none was given.</summary>
    [TextField(
        "The prompt: what the image shows; text-to-image models require it, \"\" is an empty prompt",
        MaxPromptLength, Group = FieldGroup.Prompt, Scope = Shared, Default = "none", Neutral = "\"\"")]
    public string? Prompt { get; init; }

    /// <summary>The negative prompt; null is encoded as "".</summary>
    [TextField(
        "The negative prompt: what the image must not show",
        MaxPromptLength, Option = "--negative", Group = FieldGroup.Prompt, Scope = Shared, Default = "none", Neutral = "\"\"")]
    public string? NegativePrompt { get; init; }

    /// <summary>The width in pixels.</summary>
    [IntegerField(
        "The image's width in pixels, a multiple of the number that the model requires",
        MinSide, MaxSide, Group = FieldGroup.Size, Scope = FieldScope.Stage | FieldScope.SharedWithRefiner)]
    public int? Width { get; init; }

    /// <summary>The height in pixels.</summary>
    [IntegerField(
        "The image's height in pixels, a multiple of the number that the model requires",
        MinSide, MaxSide, Group = FieldGroup.Size, Scope = FieldScope.Stage | FieldScope.SharedWithRefiner)]
    public int? Height { get; init; }

    /// <summary>The seeds, one for each image; null for one image with a random seed.</summary>
    [SeedListField("One seed for each image, instead of seed and count", MaxImages, Group = FieldGroup.Size, Scope = Shared, Default = "random")]
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <summary>The first image's seed; null in a request that was read, whose seeds are in <see cref="Seeds"/>.</summary>
    [SeedField("The first image's seed; the others have seed + 1, seed + 2, ...", Group = FieldGroup.Size, Scope = Shared, Default = "random")]
    public ulong? Seed { get; init; }

    /// <summary>The number of images, unless <see cref="Seeds"/> is set.</summary>
    [IntegerField("The number of images", 1, MaxImages, Group = FieldGroup.Size, Scope = Shared, Default = "1", Neutral = "1")]
    public int Count { get; init; } = 1;

    /// <summary>The guidance scale, 0..100; up to 1 there is no unconditional pass.</summary>
    [NumberField(
        "The guidance scale; values up to 1 turn classifier-free guidance off",
        0, 100, Option = "--guidance", Group = FieldGroup.Guidance, Scope = Run, Neutral = "7.5, 5, 8.5, 7, 10, 4, 3.5, 9")]
    public double? GuidanceScale { get; init; }

    /// <summary>The rescaling of the guided prediction, 0..1.</summary>
    [NumberField(
        "How far a guided prediction is rescaled towards the spread of the unguided one",
        0, 1, Group = FieldGroup.Guidance, Scope = Run, Default = "0", Neutral = "0")]
    public double? GuidanceRescale { get; init; }

    /// <summary>η of DDIM-like schedulers, 0 and above.</summary>
    [NumberField(
        "The share of noise in the steps of DDIM-like schedulers",
        0, 100, Group = FieldGroup.Sampling, Scope = Run, Default = "0", Neutral = "0")]
    public double Eta { get; init; }

    /// <summary>A scheduler's class or short name with its options; null for the model's own.</summary>
    [SchedulerField("A name of \"brownian schedulers list\", or an object with _class_name and options", Group = FieldGroup.Sampling, Scope = Run)]
    public JsonObject? Scheduler { get; init; }

    /// <summary>The generator that draws noise from the seeds.</summary>
    [ChoiceField(
        "The random generator that the seeds are for",
        "torch-cpu", "torch-cuda", Group = FieldGroup.Sampling, Scope = Shared, Default = "torch-cpu", Neutral = "\"torch-cpu\"")]
    public NoiseKind Noise { get; init; } = NoiseKind.TorchCpu;

    /// <summary>The element type in which noise is drawn.</summary>
    [ChoiceField(
        "The element type in which noise is generated",
        "float32", "float16", "bfloat16", Group = FieldGroup.Sampling, Scope = Shared, Default = "float32", Neutral = "\"float32\"")]
    public NoiseDtype NoiseDtype { get; init; } = NoiseDtype.Float32;

    /// <summary>The file format of images.</summary>
    [ObjectField("The format of the image files", typeof(OutputSettings), Group = FieldGroup.Output, Scope = FieldScope.SharedByStages)]
    public OutputSettings Output { get; init; } = new();

    /// <summary>An interpolation between two prompts or images; null for none.</summary>
    [ObjectField(
        "Frames between two prompts or two images, all from the same noise",
        typeof(InterpolationSettings), Group = FieldGroup.Image, Default = "none")]
    public InterpolationSettings? Interpolate { get; init; }

    /// <summary>The prompt of the second text encoder; null for the first one's.</summary>
    [TextField(
        "The prompt of the second text encoder",
        MaxPromptLength, Name = "prompt_2", Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages | FieldScope.Refiner,
        Default = "the prompt")]
    public string? Prompt2 { get; init; }

    /// <summary>The negative prompt of the second text encoder; null for the first one's.</summary>
    [TextField(
        "The negative prompt of the second text encoder",
        MaxPromptLength, Name = "negative_prompt_2", Option = "--negative-2", Group = FieldGroup.Prompt,
        Scope = FieldScope.SharedByStages | FieldScope.Refiner, Default = "the negative prompt")]
    public string? NegativePrompt2 { get; init; }

    /// <summary>The prompt of the third text encoder; null for the first one's.</summary>
    [TextField(
        "The prompt of the third text encoder",
        MaxPromptLength, Name = "prompt_3", Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages, Default = "the prompt")]
    public string? Prompt3 { get; init; }

    /// <summary>The negative prompt of the third text encoder; null for the first one's.</summary>
    [TextField(
        "The negative prompt of the third text encoder",
        MaxPromptLength, Name = "negative_prompt_3", Option = "--negative-3", Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages,
        Default = "the negative prompt")]
    public string? NegativePrompt3 { get; init; }

    /// <summary>The window of a T5 text encoder, in tokens; null for the family's default.</summary>
    [IntegerField(
        "The window of a T5 text encoder, in tokens",
        1, 4096, Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages, Neutral = "256, 512")]
    public int? MaxSequenceLength { get; init; }

    /// <summary>The scale of guidance with a separate negative-prompt pass, for guidance-distilled models; up to 1 there is no such pass.</summary>
    [NumberField(
        "The scale of guidance by a pass with the negative prompt, for guidance-distilled models; values up to 1 turn it off",
        0, 100, Group = FieldGroup.Guidance, Default = "1", Neutral = "1")]
    public double? TrueCfgScale { get; init; }

    /// <summary>The timestep to which a small image is noised before it is enlarged.</summary>
    [IntegerField(
        "The timestep that a small image is noised to before it is upscaled",
        0, 999, Group = FieldGroup.Upscaling, Scope = FieldScope.Stage, Neutral = "20, 250, 0")]
    public int? NoiseLevel { get; init; }

    /// <summary>The number of steps of the prior.</summary>
    [IntegerField("Steps of the prior", 1, MaxSteps, Group = FieldGroup.Unclip, Default = "25", Neutral = "25")]
    public int? PriorSteps { get; init; }

    /// <summary>The guidance scale of the prior.</summary>
    [NumberField("The guidance scale of the prior", 0, 100, Group = FieldGroup.Unclip, Default = "4", Neutral = "4")]
    public double? PriorGuidanceScale { get; init; }

    /// <summary>The number of steps of the decoder, which takes the prior's embedding.</summary>
    [IntegerField("Steps of the decoder", 1, MaxSteps, Group = FieldGroup.Unclip, Default = "25", Neutral = "25")]
    public int? DecoderSteps { get; init; }

    /// <summary>The guidance scale of the decoder, which takes the prior's embedding.</summary>
    [NumberField("The guidance scale of the decoder", 0, 100, Group = FieldGroup.Unclip, Default = "8", Neutral = "8")]
    public double? DecoderGuidanceScale { get; init; }

    /// <summary>The number of steps of a super-resolution that is part of the model.</summary>
    [IntegerField("Steps of the super-resolution within the model", 1, MaxSteps, Group = FieldGroup.Unclip, Default = "7", Neutral = "7")]
    public int? SuperResSteps { get; init; }

    /// <summary>The syntax of the prompts.</summary>
    [ChoiceField(
        "The prompt syntax; a1111 supports (weights:1.2), [changes:0.5], AND and BREAK",
        "plain", "a1111", Group = FieldGroup.Prompt, Scope = FieldScope.SharedWithRefiner, Default = "plain", Neutral = "\"plain\"")]
    public PromptSyntax PromptSyntax { get; init; }

    /// <summary>Whether prompts longer than the window are encoded in chunks instead of truncated.</summary>
    [ChoiceField(
        "How a prompt beyond the text encoder's window is handled",
        "truncate", "chunk", Group = FieldGroup.Prompt, Scope = FieldScope.SharedWithRefiner, Default = "truncate", Neutral = "\"truncate\"")]
    public bool LongPrompt { get; init; }

    /// <summary>The number of the text encoders' last layers that are skipped.</summary>
    [IntegerField(
        "The number of the text encoder's last layers to skip",
        0, 100, Group = FieldGroup.Prompt, Scope = FieldScope.Refiner, Default = "0", Neutral = "0")]
    public int? ClipSkip { get; init; }

    /// <summary>An image from which the run starts: a path, a data URL or an upload's id.</summary>
    [TextField("An image to start from", MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Scope = FieldScope.FirstStage, Default = "none")]
    public string? InitImage { get; init; }

    /// <summary>A mask that is white where the image is regenerated; a value like that of <see cref="InitImage"/>.</summary>
    [TextField(
        "The mask: an image that is white where init_image is generated again",
        MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Scope = FieldScope.FirstStage, Default = "none")]
    public string? Mask { get; init; }

    /// <summary>A NumPy file of latents from which the run starts; a value like that of <see cref="InitImage"/>.</summary>
    [TextField("A .npy file of latents to start from", MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Default = "none")]
    public string? InitLatents { get; init; }

    /// <summary>A NumPy file of latents to decode as a preview; a value like that of <see cref="InitImage"/>.</summary>
    [TextField(
        "A .npy file of latents to decode, with the task preview",
        MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Default = "none")]
    public string? Latents { get; init; }

    /// <summary>The denoising strength, 0..1.</summary>
    [NumberField(
        "The denoising strength: how much the result may differ from init_image",
        0, 1, Group = FieldGroup.Image, Scope = FieldScope.FirstStage | FieldScope.Stage | FieldScope.Refiner,
        Neutral = "0.8, 1, 0.3, 0.9999, 0.6, 0.7")]
    public double? Strength { get; init; }

    /// <summary>The guidance method.</summary>
    [ChoiceField(
        "The guidance method; with cfg++ guidance scales are 0..1",
        "cfg", "cfg++", Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "cfg", Neutral = "\"cfg\"")]
    public GuidanceMethod GuidanceMethod { get; init; }

    /// <summary>The scale of perturbed-attention guidance, 0 and above; 0 for none.</summary>
    [NumberField(
        "The scale of perturbed-attention guidance, for models with a graph for it",
        0, 100, Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "0", Neutral = "0")]
    public double PagScale { get; init; }

    /// <summary>The shares of the run between which the unconditional pass runs, 0..1; null for the whole run.</summary>
    [IntervalField(
        "The part of the run that is guided",
        Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "[0, 1]", Neutral = "[0, 1]")]
    public IReadOnlyList<double>? GuidanceInterval { get; init; }

    /// <summary>Whether the unconditional prediction is fitted to the conditional one before they are combined (CFG-Zero*).</summary>
    [BooleanField(
        "Scale the unconditional prediction to fit the conditional one before guidance (CFG-Zero*), mainly for SD 3 and Flux",
        Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "false", Neutral = "false", Since = "0.2")]
    public bool CfgZeroStar { get; init; }

    /// <summary>The margin around the mask in pixels, if only the masked part of the image is regenerated; null for the whole image.</summary>
    [IntegerField(
        "Generate only the region around the mask and a margin of this many pixels, at full size",
        0, MaxSide, Group = FieldGroup.Image, Default = "the whole image")]
    public int? PaddingMaskCrop { get; init; }

    /// <summary>The scale of guidance towards the image, 1 and above.</summary>
    [NumberField("Guidance towards init_image, for instruct-pix2pix", 1, 100, Group = FieldGroup.Guidance, Default = "1.5", Neutral = "1.5")]
    public double? ImageGuidanceScale { get; init; }

    /// <summary>
    /// The side of the tiles in which an image is enlarged, in its pixels, 0..<see cref="MaxSide"/>: 0 for the whole image at once; null for tiles
    /// above a size.
    /// </summary>
    [IntegerField(
        "The side of tiles in the small image's pixels when upscaling; 0 turns tiles off",
        0, MaxSide, Group = FieldGroup.Upscaling, Scope = FieldScope.Stage, Default = "by the size", Neutral = "0")]
    public int? Tile { get; init; }

    /// <summary>The least overlap of neighbouring tiles in the image's pixels, 0 to half of a tile; null for the family's default.</summary>
    [IntegerField(
        "Pixels that neighbouring tiles share, up to half of a tile",
        0, MaxSide / 2, Group = FieldGroup.Upscaling, Scope = FieldScope.Stage)]
    public int? TileOverlap { get; init; }

    /// <summary>
    /// The share of the noise levels that an earlier model has processed, 0..1; null for 0, as in denoising_value_valid of
    /// pipeline_stable_diffusion_xl_img2img.py.
    /// </summary>
    [NumberField(
        "The share of the noise levels that an earlier model has denoised",
        0, 1, ZeroIsNone = true, Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "0", Neutral = "0")]
    public double? DenoisingStart { get; init; }

    /// <summary>The share of the noise levels after which a later model continues, 0..1.</summary>
    [NumberField(
        "The share of the noise levels after which a later model takes over",
        0, 1, Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "1", Neutral = "1")]
    public double? DenoisingEnd { get; init; }

    /// <summary>SDXL's original-size conditioning, (height, width).</summary>
    [PairField(
        "The original size that the model is conditioned on, [height, width]",
        Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "the image's size")]
    public IReadOnlyList<int>? OriginalSize { get; init; }

    /// <summary>SDXL's crop conditioning, (top, left).</summary>
    [PairField(
        "The crop position that the model is conditioned on, [top, left]",
        Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "[0, 0]", Neutral = "[0, 0]")]
    public IReadOnlyList<int>? CropsCoordsTopLeft { get; init; }

    /// <summary>SDXL's target-size conditioning, (height, width).</summary>
    [PairField(
        "The target size that the model is conditioned on, [height, width]",
        Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "the image's size")]
    public IReadOnlyList<int>? TargetSize { get; init; }

    /// <summary><see cref="OriginalSize"/> for the unconditional pass.</summary>
    [PairField("original_size for the pass without the prompt", Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "original_size")]
    public IReadOnlyList<int>? NegativeOriginalSize { get; init; }

    /// <summary><see cref="CropsCoordsTopLeft"/> for the unconditional pass.</summary>
    [PairField(
        "crops_coords_top_left for the pass without the prompt",
        Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "[0, 0]", Neutral = "[0, 0]")]
    public IReadOnlyList<int>? NegativeCropsCoordsTopLeft { get; init; }

    /// <summary><see cref="TargetSize"/> for the unconditional pass.</summary>
    [PairField("target_size for the pass without the prompt", Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "target_size")]
    public IReadOnlyList<int>? NegativeTargetSize { get; init; }

    /// <summary>The aesthetic-score conditioning of SDXL's refiner, 0..10.</summary>
    [NumberField(
        "The aesthetic score that XL's refiner is conditioned on",
        0, 10, Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "6", Neutral = "6")]
    public double? AestheticScore { get; init; }

    /// <summary><see cref="AestheticScore"/> for the unconditional pass.</summary>
    [NumberField(
        "aesthetic_score for the pass without the prompt",
        0, 10, Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "2.5", Neutral = "2.5")]
    public double? NegativeAestheticScore { get; init; }

    /// <summary>The LoRAs of <see cref="Adapters"/>.</summary>
    [LoraListField("LoRAs and their weights", Option = "--lora", Group = FieldGroup.Adapters, Default = "none", Neutral = "[]")]
    public IReadOnlyList<LoraReference>? Loras
    {
        get => Adapters?.Loras;
        init => Adapters = (Adapters ?? new AdapterReferences()) with { Loras = value ?? [] };
    }

    /// <summary>The textual inversions of <see cref="Adapters"/>.</summary>
    [InversionListField(
        "Textual inversions and the tokens that stand for them in prompts",
        Option = "--textual-inversion", Group = FieldGroup.Adapters, Default = "none", Neutral = "[]")]
    public IReadOnlyList<InversionReference>? TextualInversions
    {
        get => Adapters?.TextualInversions;
        init => Adapters = (Adapters ?? new AdapterReferences()) with { TextualInversions = value ?? [] };
    }

    /// <summary>The number of training steps from which the steps of a distilled model (LCM) are selected.</summary>
    [IntegerField("The number of training steps that an LCM's steps are taken from", 1, MaxSteps, Group = FieldGroup.Sampling)]
    public int? OriginalInferenceSteps { get; init; }

    /// <summary>
    /// The seed of the noise towards which the noise is interpolated; null for a random one if <see cref="SubseedStrength"/> is above 0.
    /// </summary>
    [SeedField("The variation seed: the seed of noise that is mixed in", Group = FieldGroup.Sampling, Default = "random", Neutral = "0")]
    public ulong? Subseed { get; init; }

    /// <summary>The interpolation weight of the subseed's noise, 0..1.</summary>
    [NumberField("The share of the noise of subseed", 0, 1, Group = FieldGroup.Sampling, Default = "0", Neutral = "0")]
    public double SubseedStrength { get; init; }

    /// <summary>A second pass at a larger size; null for none.</summary>
    [ObjectField("A second pass at a larger size (hires fix)", typeof(HiresSettings), Group = FieldGroup.Upscaling, Default = "none")]
    public HiresSettings? Hires { get; init; }

    /// <summary>Whether the VAE works in tiles; null for tiles above a size.</summary>
    [BooleanField("Encode and decode in tiles", Group = FieldGroup.Output, Scope = FieldScope.Stage, Default = "above 1536x1536", Neutral = "false")]
    public bool? VaeTiling { get; init; }

    /// <summary>A second model that continues with the latents, and its settings.</summary>
    [BlockField("A second model that continues with XL's latents, and its own fields", FieldScope.Refiner, Group = FieldGroup.Xl, Default = "none")]
    public GenerationRequest? Refiner { get; init; }

    /// <summary>The images of the ControlNets, one for each, up to <see cref="MaxControls"/>; values like that of <see cref="InitImage"/>.</summary>
    [TextListField(
        "One image for each ControlNet",
        MaxFileLength, MaxControls, Name = "control_image", NamesFile = true, Group = FieldGroup.ControlNet, Default = "none", Neutral = "[]")]
    public IReadOnlyList<string> ControlImages { get; init; } = [];

    /// <summary>The ControlNets, one for each image; null for the model's own, as many as there are images.</summary>
    [TextListField(
        "The model's ControlNets, or those of the adapter folders, by name",
        MaxNameLength, MaxControls, Name = "controlnets", Option = "--controlnet", Group = FieldGroup.ControlNet, Default = "the model's own",
        Neutral = "[]")]
    public IReadOnlyList<ControlNetReference>? ControlNets { get; init; }

    /// <summary>The factors of the ControlNets' outputs, 0..10: one for all or one for each; null for 1.</summary>
    [NumberListField(
        "The weight of the ControlNets, one for all or one each",
        0, 10, MaxControls, Option = "--control-scale", Name = "controlnet_conditioning_scale", Group = FieldGroup.ControlNet, Default = "1",
        Neutral = "1, [1]")]
    public IReadOnlyList<double>? ControlScales { get; init; }

    /// <summary>The share of the run before which the ControlNets are not applied, 0..1: one for all or one for each; null for 0.</summary>
    [NumberListField(
        "The share of the run at which the ControlNets start",
        0, 1, MaxControls, Option = "--control-start", Name = "control_guidance_start", Group = FieldGroup.ControlNet, Default = "0",
        Neutral = "0, [0]")]
    public IReadOnlyList<double>? ControlStarts { get; init; }

    /// <summary>The share of the run after which the ControlNets are not applied, 0..1: one for all or one for each; null for 1.</summary>
    [NumberListField(
        "The share of the run at which the ControlNets end",
        0, 1, MaxControls, Option = "--control-end", Name = "control_guidance_end", Group = FieldGroup.ControlNet, Default = "1",
        Neutral = "1, [1]")]
    public IReadOnlyList<double>? ControlEnds { get; init; }

    /// <summary>Whether the ControlNets are applied to the conditional pass only, and less to the higher layers.</summary>
    [BooleanField(
        "Apply ControlNets only to the pass with the prompt, and more to deep layers",
        Group = FieldGroup.ControlNet, Default = "false", Neutral = "false")]
    public bool GuessMode { get; init; }

    /// <summary>The preprocessing of the control images: one of <see cref="Requests.ControlPreprocess"/>.</summary>
    [ChoiceField(
        "How the control images are preprocessed",
        Requests.ControlPreprocess.None, Requests.ControlPreprocess.Canny, Group = FieldGroup.ControlNet, Default = "none", Neutral = "\"none\"")]
    public string ControlPreprocess { get; init; } = Requests.ControlPreprocess.None;

    /// <summary>Timesteps, instead of a number of steps.</summary>
    [TimestepsField("Timesteps instead of steps", Group = FieldGroup.Sampling, Scope = Run, Default = "none")]
    public IReadOnlyList<double>? Timesteps { get; init; }

    /// <summary>The number of steps, 1..1000.</summary>
    [IntegerField("The number of steps", 1, MaxSteps, Group = FieldGroup.Sampling, Scope = Run, Neutral = "50, 100, 4, 28, 75, 80")]
    public int? Steps { get; init; }

    /// <summary>The previews during the run; null for none.</summary>
    [ObjectField(
        "Previews while a gateway generates the image",
        typeof(PreviewSettings), Group = FieldGroup.Output, Scope = FieldScope.SharedByStages, Default = "none")]
    public PreviewSettings? Preview { get; init; }

    /// <summary>The stage after which the run stops, for example <c>stage-1</c>; null for the last one.</summary>
    [TextField("Stop after a stage and keep its output, from which from and --from continue", 64, Group = FieldGroup.Cascade, Default = "none")]
    public string? StopAfter { get; init; }

    /// <summary>The guidance settings besides the scale.</summary>
    public GuidanceOptions Guidance => new()
    {
        Method = GuidanceMethod,
        Start = GuidanceInterval?[0] ?? 0,
        End = GuidanceInterval?[1] ?? 1,
        PerturbedScale = PagScale,
        ZeroStar = CfgZeroStar,
    };

    /// <summary>The names of the fields that were given with a non-neutral value, in the order of the request.</summary>
    public IReadOnlyList<string> SetFields { get; init; } = [];

    /// <summary>The further stages of a cascade in order, each with its own model and settings.</summary>
    public IReadOnlyList<GenerationRequest> CascadeStages { get; init; } = [];

    /// <summary>The offset that the stage adds to the images' seeds; 0 in a first stage.</summary>
    public int SeedOffset { get; init; }

    /// <summary>The LoRAs and textual inversions; null for none.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>The models of the request, in the order in which their cards are passed: the cascade's stages, then the refiner's.</summary>
    public IReadOnlyList<string?> ModelNames =>
        [Model, .. CascadeStages.Select(stage => stage.Model), .. Refiner is null ? (string?[])[] : [Refiner.Model]];
}
