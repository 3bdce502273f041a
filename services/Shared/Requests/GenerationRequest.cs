using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Requests.Prompts;
using Brownian.Requests.References;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>
/// What a client asks, in the vocabulary that every interface shares. Properties with a <see cref="RequestFieldAttribute"/> are the fields of a
/// request, in the order in which requests are written; null means the model's default.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>The longest prompt, in UTF-16 units.</summary>
    public const int MaxPromptLength = 32_000;

    /// <summary>The most images of one request.</summary>
    public const int MaxImages = 64;

    /// <summary>The most previews of one request.</summary>
    public const int MaxPreviews = 256;

    /// <summary>The most ControlNets of one request.</summary>
    public const int MaxControls = 8;

    /// <summary>The smallest side in pixels.</summary>
    public const int SmallestSide = 16;

    /// <summary>The largest side in pixels.</summary>
    public const int MaxSide = 8192;

    /// <summary>The most pixels of an image; what is made larger in tiles may have as many as its sides allow.</summary>
    public const int MaxPixels = 2048 * 2048;

    /// <summary>The longest name of a file: one within the request itself is long.</summary>
    internal const int MaxFileLength = 96 << 20;

    private const int MaxNameLength = 4096;
    private const int MaxSteps = 1000;
    private const FieldScope Run = FieldScope.Stage | FieldScope.Refiner;
    private const FieldScope Shared = FieldScope.SharedByStages | FieldScope.SharedWithRefiner;

    /// <summary>What is done; one of <see cref="RequestTask"/>.</summary>
    [ChoiceField(
        "What is done; follows from the images that are given when not set",
        RequestTask.TextToImage, RequestTask.ImageToImage, RequestTask.Inpaint, RequestTask.Upscale, RequestTask.Variation, RequestTask.Preview,
        Group = FieldGroup.Model, Scope = FieldScope.FirstStage, Default = "by the images that are given")]
    public string Task { get; init; } = RequestTask.TextToImage;

    /// <summary>A model's name or folder, of a cascade that of its first stage; null for the one that ships.</summary>
    [TextField(
        "A model's name or folder, or a list of up to three: the stages of a cascade",
        MaxNameLength, Group = FieldGroup.Model, Scope = FieldScope.Refiner, Default = "the model that ships")]
    public string? Model { get; init; }

    /// <summary>What to draw; null where none was given.</summary>
    [TextField(
        "What to draw; text-to-image models need it, \"\" is an empty prompt",
        MaxPromptLength, Group = FieldGroup.Prompt, Scope = Shared, Default = "none", Neutral = "\"\"")]
    public string? Prompt { get; init; }

    /// <summary>What to keep away from; null is encoded as "".</summary>
    [TextField(
        "What to keep away from",
        MaxPromptLength, Option = "--negative", Group = FieldGroup.Prompt, Scope = Shared, Default = "none", Neutral = "\"\"")]
    public string? NegativePrompt { get; init; }

    /// <summary>Pixels.</summary>
    [IntegerField(
        "The image's width in pixels, in the model's multiple",
        SmallestSide, MaxSide, Group = FieldGroup.Size, Scope = FieldScope.Stage | FieldScope.SharedWithRefiner)]
    public int? Width { get; init; }

    /// <summary>Pixels.</summary>
    [IntegerField(
        "The image's height in pixels, in the model's multiple",
        SmallestSide, MaxSide, Group = FieldGroup.Size, Scope = FieldScope.Stage | FieldScope.SharedWithRefiner)]
    public int? Height { get; init; }

    /// <summary>One per image; null for one image of a random seed.</summary>
    [SeedListField("One seed for each image, instead of seed and count", MaxImages, Group = FieldGroup.Size, Scope = Shared, Default = "random")]
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <summary>The first image's seed; null in a request that was read, whose <see cref="Seeds"/> say it.</summary>
    [SeedField("The first image's seed; the others have seed + 1, seed + 2, ...", Group = FieldGroup.Size, Scope = Shared, Default = "random")]
    public ulong? Seed { get; init; }

    /// <summary>How many images, where <see cref="Seeds"/> does not say it.</summary>
    [IntegerField("The number of images", 1, MaxImages, Group = FieldGroup.Size, Scope = Shared, Default = "1", Neutral = "1")]
    public int Count { get; init; } = 1;

    /// <summary>0..100; up to 1 there is no pass without the prompt.</summary>
    [NumberField(
        "The guidance scale; up to 1 is without classifier-free guidance",
        0, 100, Option = "--guidance", Group = FieldGroup.Guidance, Scope = Run, Neutral = "7.5, 5, 8.5, 7, 10, 4, 3.5, 9")]
    public double? GuidanceScale { get; init; }

    /// <summary>0..1.</summary>
    [NumberField(
        "How far a guided prediction is rescaled towards the spread of the unguided one",
        0, 1, Group = FieldGroup.Guidance, Scope = Run, Default = "0", Neutral = "0")]
    public double? GuidanceRescale { get; init; }

    /// <summary>η of DDIM-like schedulers, 0 and above.</summary>
    [NumberField(
        "The share of noise in the steps of DDIM-like schedulers",
        0, 100, Group = FieldGroup.Sampling, Scope = Run, Default = "0", Neutral = "0")]
    public double Eta { get; init; }

    /// <summary>A scheduler's class or short name and its options; null for the model's own.</summary>
    [SchedulerField("A name of \"brownian schedulers list\", or an object with _class_name and options", Group = FieldGroup.Sampling, Scope = Run)]
    public JsonObject? Scheduler { get; init; }

    /// <summary>Which generator the seeds mean.</summary>
    [ChoiceField(
        "Which generator the seeds mean",
        "torch-cpu", "torch-cuda", Group = FieldGroup.Sampling, Scope = Shared, Default = "torch-cpu", Neutral = "\"torch-cpu\"")]
    public NoiseKind Noise { get; init; } = NoiseKind.TorchCpu;

    /// <summary>The element type that noise is drawn in.</summary>
    [ChoiceField(
        "The type that noise is drawn in",
        "float32", "float16", "bfloat16", Group = FieldGroup.Sampling, Scope = Shared, Default = "float32", Neutral = "\"float32\"")]
    public NoiseDtype NoiseDtype { get; init; } = NoiseDtype.Float32;

    /// <summary>How images become files.</summary>
    [ObjectField("How images become files", typeof(OutputSettings), Group = FieldGroup.Output, Scope = FieldScope.SharedByStages)]
    public OutputSettings Output { get; init; } = new();

    /// <summary>Frames between two prompts or images; null for none.</summary>
    [ObjectField(
        "Frames between two prompts or two images, all of one noise",
        typeof(InterpolationSettings), Group = FieldGroup.Image, Default = "none")]
    public InterpolationSettings? Interpolate { get; init; }

    /// <summary>What a second text encoder is given; null for the same as the first.</summary>
    [TextField(
        "The prompt of the second text encoder",
        MaxPromptLength, Name = "prompt_2", Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages | FieldScope.Refiner,
        Default = "the prompt")]
    public string? Prompt2 { get; init; }

    /// <summary>The same of the negative prompt.</summary>
    [TextField(
        "The negative prompt of the second text encoder",
        MaxPromptLength, Name = "negative_prompt_2", Option = "--negative-2", Group = FieldGroup.Prompt,
        Scope = FieldScope.SharedByStages | FieldScope.Refiner, Default = "the negative prompt")]
    public string? NegativePrompt2 { get; init; }

    /// <summary>What a third text encoder is given; null for the same as the first.</summary>
    [TextField(
        "The prompt of the third text encoder",
        MaxPromptLength, Name = "prompt_3", Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages, Default = "the prompt")]
    public string? Prompt3 { get; init; }

    /// <summary>The same of the negative prompt.</summary>
    [TextField(
        "The negative prompt of the third text encoder",
        MaxPromptLength, Name = "negative_prompt_3", Option = "--negative-3", Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages,
        Default = "the negative prompt")]
    public string? NegativePrompt3 { get; init; }

    /// <summary>The window of a T5 text encoder, in tokens; null for the family's.</summary>
    [IntegerField(
        "The window of a T5 text encoder, in tokens",
        1, 4096, Group = FieldGroup.Prompt, Scope = FieldScope.SharedByStages, Neutral = "256, 512")]
    public int? MaxSequenceLength { get; init; }

    /// <summary>Guidance by a pass with the negative prompt, in models that guidance is distilled into; up to 1 there is none.</summary>
    [NumberField(
        "Guidance by a pass with the negative prompt, for models that guidance is distilled into; up to 1 is without",
        0, 100, Group = FieldGroup.Guidance, Default = "1", Neutral = "1")]
    public double? TrueCfgScale { get; init; }

    /// <summary>The level that a small image is noised to before it is made larger, a timestep.</summary>
    [IntegerField(
        "The timestep that a small image is noised to before it is upscaled",
        0, 999, Group = FieldGroup.Upscaling, Scope = FieldScope.Stage, Neutral = "20, 250, 0")]
    public int? NoiseLevel { get; init; }

    /// <summary>Steps of a prior.</summary>
    [IntegerField("Steps of the prior", 1, MaxSteps, Group = FieldGroup.Unclip, Default = "25", Neutral = "25")]
    public int? PriorSteps { get; init; }

    /// <summary>The guidance scale of a prior.</summary>
    [NumberField("The guidance scale of the prior", 0, 100, Group = FieldGroup.Unclip, Default = "4", Neutral = "4")]
    public double? PriorGuidanceScale { get; init; }

    /// <summary>Steps of a decoder that a prior's embedding goes to.</summary>
    [IntegerField("Steps of the decoder", 1, MaxSteps, Group = FieldGroup.Unclip, Default = "25", Neutral = "25")]
    public int? DecoderSteps { get; init; }

    /// <summary>The guidance scale of a decoder that a prior's embedding goes to.</summary>
    [NumberField("The guidance scale of the decoder", 0, 100, Group = FieldGroup.Unclip, Default = "8", Neutral = "8")]
    public double? DecoderGuidanceScale { get; init; }

    /// <summary>Steps of a super-resolution that is part of the model.</summary>
    [IntegerField("Steps of the super-resolution within the model", 1, MaxSteps, Group = FieldGroup.Unclip, Default = "7", Neutral = "7")]
    public int? SuperResSteps { get; init; }

    /// <summary>How prompts are read.</summary>
    [ChoiceField(
        "How prompts are read; a1111 knows (weights:1.2), [changes:0.5], AND and BREAK",
        "plain", "a1111", Group = FieldGroup.Prompt, Scope = FieldScope.SharedWithRefiner, Default = "plain", Neutral = "\"plain\"")]
    public PromptSyntax PromptSyntax { get; init; }

    /// <summary>Whether prompts beyond the window are encoded in chunks instead of cut.</summary>
    [ChoiceField(
        "What becomes of a prompt beyond the text encoder's window",
        "truncate", "chunk", Group = FieldGroup.Prompt, Scope = FieldScope.SharedWithRefiner, Default = "truncate", Neutral = "\"truncate\"")]
    public bool LongPrompt { get; init; }

    /// <summary>How many of the text encoders' last layers are left out.</summary>
    [IntegerField(
        "How many of the text encoder's last layers are left out",
        0, 100, Group = FieldGroup.Prompt, Scope = FieldScope.Refiner, Default = "0", Neutral = "0")]
    public int? ClipSkip { get; init; }

    /// <summary>An image to begin at: a path, a data URL or an upload's id.</summary>
    [TextField("An image to start from", MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Scope = FieldScope.FirstStage, Default = "none")]
    public string? InitImage { get; init; }

    /// <summary>White where the image is made anew; named as <see cref="InitImage"/>.</summary>
    [TextField(
        "An image that is white where init_image is drawn anew",
        MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Scope = FieldScope.FirstStage, Default = "none")]
    public string? Mask { get; init; }

    /// <summary>A NumPy file of latents to begin at; named as <see cref="InitImage"/>.</summary>
    [TextField("A .npy file of latents to start from", MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Default = "none")]
    public string? InitLatents { get; init; }

    /// <summary>A NumPy file of latents to decode as a preview; named as <see cref="InitImage"/>.</summary>
    [TextField(
        "A .npy file of latents to decode, with the task preview",
        MaxFileLength, NamesFile = true, Group = FieldGroup.Image, Default = "none")]
    public string? Latents { get; init; }

    /// <summary>How far from the image to go, 0..1.</summary>
    [NumberField(
        "The denoising strength: how far from init_image to go",
        0, 1, Group = FieldGroup.Image, Scope = FieldScope.FirstStage | FieldScope.Stage | FieldScope.Refiner,
        Neutral = "0.8, 1, 0.3, 0.9999, 0.6, 0.7")]
    public double? Strength { get; init; }

    /// <summary>How a guided prediction moves a sample on.</summary>
    [ChoiceField(
        "How a guided prediction moves a sample; with cfg++ guidance scales are 0..1",
        "cfg", "cfg++", Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "cfg", Neutral = "\"cfg\"")]
    public GuidanceMethod GuidanceMethod { get; init; }

    /// <summary>The scale of perturbed-attention guidance, 0 and above; 0 for none.</summary>
    [NumberField(
        "The scale of perturbed-attention guidance, for models with a graph for it",
        0, 100, Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "0", Neutral = "0")]
    public double PagScale { get; init; }

    /// <summary>The shares of the run between which there is a pass without the prompt, 0..1; null for all of it.</summary>
    [IntervalField(
        "The part of the run that is guided",
        Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "[0, 1]", Neutral = "[0, 1]")]
    public IReadOnlyList<double>? GuidanceInterval { get; init; }

    /// <summary>Whether the pass without the prompt is fitted to the one with it before they are combined (CFG-Zero*).</summary>
    [BooleanField(
        "Fit the pass without the prompt to the one with it before guiding (CFG-Zero*), for SD 3 and Flux above all",
        Group = FieldGroup.Guidance, Scope = FieldScope.Stage, Default = "false", Neutral = "false", Since = "0.2")]
    public bool CfgZeroStar { get; init; }

    /// <summary>How many pixels around the mask are taken along, where only that part is made.</summary>
    [IntegerField(
        "Draw only the part around the mask and so many pixels more, at full size",
        0, MaxSide, Group = FieldGroup.Image, Default = "the whole image")]
    public int? PaddingMaskCrop { get; init; }

    /// <summary>How far to go towards the image, 1 and above.</summary>
    [NumberField("Guidance towards init_image, for instruct-pix2pix", 1, 100, Group = FieldGroup.Guidance, Default = "1.5", Neutral = "1.5")]
    public double? ImageGuidanceScale { get; init; }

    /// <summary>
    /// The side of the tiles that an image is made larger in, in its pixels, 0..<see cref="MaxSide"/>: 0 for all of it at once; null for tiles
    /// above a size.
    /// </summary>
    [IntegerField(
        "The side of tiles in the small image's pixels when upscaling; 0 is without tiles",
        0, MaxSide, Group = FieldGroup.Upscaling, Scope = FieldScope.Stage, Default = "by the size", Neutral = "0")]
    public int? Tile { get; init; }

    /// <summary>How many of its pixels neighbouring tiles have in common at least, 0 to half of a tile; null for the family's.</summary>
    [IntegerField(
        "Pixels that neighbouring tiles share, up to half of a tile",
        0, MaxSide / 2, Group = FieldGroup.Upscaling, Scope = FieldScope.Stage)]
    public int? TileOverlap { get; init; }

    /// <summary>
    /// The share of the noise levels that an earlier model took, 0..1; null for 0, as in denoising_value_valid of
    /// pipeline_stable_diffusion_xl_img2img.py.
    /// </summary>
    [NumberField(
        "The share of the noise levels that an earlier model took",
        0, 1, ZeroIsNone = true, Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "0", Neutral = "0")]
    public double? DenoisingStart { get; init; }

    /// <summary>The share of the noise levels after which a later model goes on, 0..1.</summary>
    [NumberField(
        "The share of the noise levels after which a later model takes over",
        0, 1, Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "1", Neutral = "1")]
    public double? DenoisingEnd { get; init; }

    /// <summary>(height, width) that the image is said to have had.</summary>
    [PairField("[height, width] that the image is said to have had", Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "the image's size")]
    public IReadOnlyList<int>? OriginalSize { get; init; }

    /// <summary>(top, left) that the image is said to be cut at.</summary>
    [PairField(
        "[top, left] that the image is said to be cropped at",
        Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "[0, 0]", Neutral = "[0, 0]")]
    public IReadOnlyList<int>? CropsCoordsTopLeft { get; init; }

    /// <summary>(height, width) that the image is said to get.</summary>
    [PairField("[height, width] that the image is said to get", Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "the image's size")]
    public IReadOnlyList<int>? TargetSize { get; init; }

    /// <summary>As <see cref="OriginalSize"/>, for the pass without the prompt.</summary>
    [PairField("original_size for the pass without the prompt", Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "original_size")]
    public IReadOnlyList<int>? NegativeOriginalSize { get; init; }

    /// <summary>As <see cref="CropsCoordsTopLeft"/>, for the pass without the prompt.</summary>
    [PairField(
        "crops_coords_top_left for the pass without the prompt",
        Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "[0, 0]", Neutral = "[0, 0]")]
    public IReadOnlyList<int>? NegativeCropsCoordsTopLeft { get; init; }

    /// <summary>As <see cref="TargetSize"/>, for the pass without the prompt.</summary>
    [PairField("target_size for the pass without the prompt", Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "target_size")]
    public IReadOnlyList<int>? NegativeTargetSize { get; init; }

    /// <summary>How good the image is said to be, 0..10.</summary>
    [NumberField(
        "How good the image is said to be, for XL's refiner",
        0, 10, Group = FieldGroup.Xl, Scope = FieldScope.Refiner, Default = "6", Neutral = "6")]
    public double? AestheticScore { get; init; }

    /// <summary>The same for the pass without the prompt.</summary>
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

    /// <summary>The grid that a distilled model's steps are taken from.</summary>
    [IntegerField("The number of training steps that an LCM's steps are taken from", 1, MaxSteps, Group = FieldGroup.Sampling)]
    public int? OriginalInferenceSteps { get; init; }

    /// <summary>What the noise is moved towards; null for a random one where <see cref="SubseedStrength"/> is above 0.</summary>
    [SeedField("The variation seed that the noise is moved towards", Group = FieldGroup.Sampling, Default = "random", Neutral = "0")]
    public ulong? Subseed { get; init; }

    /// <summary>How far, 0..1.</summary>
    [NumberField("How far the noise is moved towards subseed", 0, 1, Group = FieldGroup.Sampling, Default = "0", Neutral = "0")]
    public double SubseedStrength { get; init; }

    /// <summary>A second pass at a larger size; null for none.</summary>
    [ObjectField("A second pass at a larger size (hires fix)", typeof(HiresSettings), Group = FieldGroup.Upscaling, Default = "none")]
    public HiresSettings? Hires { get; init; }

    /// <summary>Whether the VAE works in tiles; null for above a size.</summary>
    [BooleanField("Encode and decode in tiles", Group = FieldGroup.Output, Scope = FieldScope.Stage, Default = "above 1536x1536", Neutral = "false")]
    public bool? VaeTiling { get; init; }

    /// <summary>A second model that goes on with the latents, and its settings.</summary>
    [BlockField("A second model that goes on with XL's latents, and its own fields", FieldScope.Refiner, Group = FieldGroup.Xl, Default = "none")]
    public GenerationRequest? Refiner { get; init; }

    /// <summary>What ControlNets are shown, one each, up to <see cref="MaxControls"/>; named as <see cref="InitImage"/>.</summary>
    [TextListField(
        "One image for each ControlNet",
        MaxFileLength, MaxControls, Name = "control_image", NamesFile = true, Group = FieldGroup.ControlNet, Default = "none", Neutral = "[]")]
    public IReadOnlyList<string> ControlImages { get; init; } = [];

    /// <summary>The ControlNets, one an image; null for the model's own, as many as there are images for.</summary>
    [TextListField(
        "The model's ControlNets, or those of the adapter folders, by name",
        MaxNameLength, MaxControls, Name = "controlnets", Option = "--controlnet", Group = FieldGroup.ControlNet, Default = "the model's own",
        Neutral = "[]")]
    public IReadOnlyList<ControlNetReference>? ControlNets { get; init; }

    /// <summary>What the ControlNets say is multiplied with it, 0..10: one for all or one each; null for 1.</summary>
    [NumberListField(
        "The weight of the ControlNets, one for all or one each",
        0, 10, MaxControls, Option = "--control-scale", Name = "controlnet_conditioning_scale", Group = FieldGroup.ControlNet, Default = "1",
        Neutral = "1, [1]")]
    public IReadOnlyList<double>? ControlScales { get; init; }

    /// <summary>The share of the run before which the ControlNets are not heard, 0..1: one for all or one each; null for 0.</summary>
    [NumberListField(
        "The share of the run at which the ControlNets start",
        0, 1, MaxControls, Option = "--control-start", Name = "control_guidance_start", Group = FieldGroup.ControlNet, Default = "0",
        Neutral = "0, [0]")]
    public IReadOnlyList<double>? ControlStarts { get; init; }

    /// <summary>The share of the run after which the ControlNets are not heard, 0..1: one for all or one each; null for 1.</summary>
    [NumberListField(
        "The share of the run at which the ControlNets end",
        0, 1, MaxControls, Option = "--control-end", Name = "control_guidance_end", Group = FieldGroup.ControlNet, Default = "1",
        Neutral = "1, [1]")]
    public IReadOnlyList<double>? ControlEnds { get; init; }

    /// <summary>Whether only the prompt's pass hears the ControlNets, and the higher layers less.</summary>
    [BooleanField(
        "Apply ControlNets to the pass with the prompt alone, and to deep layers more",
        Group = FieldGroup.ControlNet, Default = "false", Neutral = "false")]
    public bool GuessMode { get; init; }

    /// <summary>What is made of the images first: one of <see cref="Requests.ControlPreprocess"/>.</summary>
    [ChoiceField(
        "What is made of the control images first",
        Requests.ControlPreprocess.None, Requests.ControlPreprocess.Canny, Group = FieldGroup.ControlNet, Default = "none", Neutral = "\"none\"")]
    public string ControlPreprocess { get; init; } = Requests.ControlPreprocess.None;

    /// <summary>Timesteps instead of steps.</summary>
    [TimestepsField("Timesteps instead of steps", Group = FieldGroup.Sampling, Scope = Run, Default = "none")]
    public IReadOnlyList<double>? Timesteps { get; init; }

    /// <summary>Steps, 1..1000.</summary>
    [IntegerField("The number of steps", 1, MaxSteps, Group = FieldGroup.Sampling, Scope = Run, Neutral = "50, 100, 4, 28, 75, 80")]
    public int? Steps { get; init; }

    /// <summary>Images on the way; null for none.</summary>
    [ObjectField(
        "Previews while the image is drawn, by a gateway",
        typeof(PreviewSettings), Group = FieldGroup.Output, Scope = FieldScope.SharedByStages, Default = "none")]
    public PreviewSettings? Preview { get; init; }

    /// <summary>The stage after which a cascade stops, for example <c>stage-1</c>; null for its last.</summary>
    [TextField("Stop after a stage and keep what it made, for from and --from", 64, Group = FieldGroup.Cascade, Default = "none")]
    public string? StopAfter { get; init; }

    /// <summary>What guidance does beside its scale.</summary>
    public GuidanceOptions Guidance => new()
    {
        Method = GuidanceMethod,
        Start = GuidanceInterval?[0] ?? 0,
        End = GuidanceInterval?[1] ?? 1,
        PerturbedScale = PagScale,
        ZeroStar = CfgZeroStar,
    };

    /// <summary>The fields that were given and mean something, in the order of the request.</summary>
    public IReadOnlyList<string> SetFields { get; init; } = [];

    /// <summary>The further stages of a cascade in order, each with a model and settings of its own.</summary>
    public IReadOnlyList<GenerationRequest> CascadeStages { get; init; } = [];

    /// <summary>The stage's generators are made of the images' seeds and this; 0 in a first stage.</summary>
    public int SeedOffset { get; init; }

    /// <summary>LoRAs and textual inversions; null for none.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>The models that the request names, in the order in which their cards are wanted: the cascade's stages, then a refiner's.</summary>
    public IReadOnlyList<string?> ModelNames =>
        [Model, .. CascadeStages.Select(stage => stage.Model), .. Refiner is null ? (string?[])[] : [Refiner.Model]];
}
