using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Prompts;

namespace Brownian.Inference.Requests;

/// <summary>What a client asks, in the vocabulary that every interface shares. Null means: take the model's default.</summary>
public sealed record GenerationRequest
{
    /// <summary>The longest prompt, in UTF-16 units.</summary>
    public const int LongestPrompt = 32_000;

    /// <summary>The most pictures of one request.</summary>
    public const int MostPictures = 64;

    /// <summary>The most previews of one request.</summary>
    public const int MostPreviews = 256;

    /// <summary>The most ControlNets of one request.</summary>
    public const int MostControls = 8;

    /// <summary>The smallest side in pixels.</summary>
    public const int SmallestSide = 16;

    /// <summary>The largest side in pixels.</summary>
    public const int LargestSide = 8192;

    /// <summary>The most pixels of a picture; what is made larger in tiles may have as many as its sides allow.</summary>
    public const int MostPixels = 2048 * 2048;

    /// <summary>The fields that were given, in the order of the request.</summary>
    public IReadOnlyList<string> Given { get; init; } = [];

    /// <summary>What is done; where it was not said, what follows from the pictures given.</summary>
    public string Task { get; init; } = RequestTask.TextToImage;

    /// <summary>A model's name or folder, of a cascade that of its first stage; null for the one that ships.</summary>
    public string? Model { get; init; }

    /// <summary>The further stages of a cascade in order, each with a model and settings of its own.</summary>
    public IReadOnlyList<GenerationRequest> Further { get; init; } = [];

    /// <summary>The stage's generators are made of the pictures' seeds and this; 0 in a first stage.</summary>
    public int SeedOffset { get; init; }

    /// <summary>The stage after which a cascade stops, for example <c>stage-1</c>; null for its last.</summary>
    public string? StopAfter { get; init; }

    /// <summary>The models that the request names, in the order in which their cards are wanted: the cascade's stages, then a refiner's.</summary>
    public IReadOnlyList<string?> ModelNames => [Model, .. Further.Select(stage => stage.Model), .. Refiner is null ? (string?[])[] : [Refiner.Model]];

    /// <summary>What to draw; null where none was given.</summary>
    public string? Prompt { get; init; }

    /// <summary>What to keep away from; null is encoded as "".</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>What a second text encoder is given; null for the same as the first.</summary>
    public string? Prompt2 { get; init; }

    /// <summary>The same of the negative prompt.</summary>
    public string? NegativePrompt2 { get; init; }

    /// <summary>What a third text encoder is given; null for the same as the first.</summary>
    public string? Prompt3 { get; init; }

    /// <summary>The same of the negative prompt.</summary>
    public string? NegativePrompt3 { get; init; }

    /// <summary>The window of a T5 text encoder, in tokens; null for the family's.</summary>
    public int? MaxSequenceLength { get; init; }

    /// <summary>How prompts are read.</summary>
    public PromptSyntax PromptSyntax { get; init; }

    /// <summary>Whether prompts beyond the window are encoded in chunks instead of cut.</summary>
    public bool LongPrompt { get; init; }

    /// <summary>How many of the text encoders' last layers are left out.</summary>
    public int? ClipSkip { get; init; }

    /// <summary>A picture to begin at: a path, a data URL or an upload's id.</summary>
    public string? InitImage { get; init; }

    /// <summary>White where the picture is made anew; named as <see cref="InitImage"/>.</summary>
    public string? Mask { get; init; }

    /// <summary>What ControlNets are shown, one each, up to <see cref="MostControls"/>; named as <see cref="InitImage"/>.</summary>
    public IReadOnlyList<string> ControlImages { get; init; } = [];

    /// <summary>The ControlNets, one a picture; null for the model's own, as many as there are pictures for.</summary>
    public IReadOnlyList<ControlNetReference>? ControlNets { get; init; }

    /// <summary>What the ControlNets say is multiplied with it, 0..10: one for all or one each; null for 1.</summary>
    public IReadOnlyList<double>? ControlScales { get; init; }

    /// <summary>The share of the run before which the ControlNets are not heard, 0..1: one for all or one each; null for 0.</summary>
    public IReadOnlyList<double>? ControlStarts { get; init; }

    /// <summary>The share of the run after which the ControlNets are not heard, 0..1: one for all or one each; null for 1.</summary>
    public IReadOnlyList<double>? ControlEnds { get; init; }

    /// <summary>Whether only the prompt's pass hears the ControlNets, and the higher layers less.</summary>
    public bool GuessMode { get; init; }

    /// <summary>What is made of the pictures first: one of <see cref="Requests.ControlPreprocess"/>.</summary>
    public string ControlPreprocess { get; init; } = Requests.ControlPreprocess.None;

    /// <summary>A NumPy file of latents to begin at; named as <see cref="InitImage"/>.</summary>
    public string? InitLatents { get; init; }

    /// <summary>A NumPy file of latents to decode as a preview; named as <see cref="InitImage"/>.</summary>
    public string? Latents { get; init; }

    /// <summary>How far from the picture to go, 0..1.</summary>
    public double? Strength { get; init; }

    /// <summary>How many pixels around the mask are taken along, where only that part is made.</summary>
    public int? PaddingMaskCrop { get; init; }

    /// <summary>How far to go towards the picture, 1 and above.</summary>
    public double? ImageGuidanceScale { get; init; }

    /// <summary>The share of the noise levels that an earlier model took, 0..1.</summary>
    public double? DenoisingStart { get; init; }

    /// <summary>The share of the noise levels after which a later model goes on, 0..1.</summary>
    public double? DenoisingEnd { get; init; }

    /// <summary>(height, width) that the picture is said to have had.</summary>
    public IReadOnlyList<int>? OriginalSize { get; init; }

    /// <summary>(top, left) that the picture is said to be cut at.</summary>
    public IReadOnlyList<int>? CropsCoordsTopLeft { get; init; }

    /// <summary>(height, width) that the picture is said to get.</summary>
    public IReadOnlyList<int>? TargetSize { get; init; }

    /// <summary>As <see cref="OriginalSize"/>, for the pass without the prompt.</summary>
    public IReadOnlyList<int>? NegativeOriginalSize { get; init; }

    /// <summary>As <see cref="CropsCoordsTopLeft"/>, for the pass without the prompt.</summary>
    public IReadOnlyList<int>? NegativeCropsCoordsTopLeft { get; init; }

    /// <summary>As <see cref="TargetSize"/>, for the pass without the prompt.</summary>
    public IReadOnlyList<int>? NegativeTargetSize { get; init; }

    /// <summary>How good the picture is said to be, 0..10.</summary>
    public double? AestheticScore { get; init; }

    /// <summary>The same for the pass without the prompt.</summary>
    public double? NegativeAestheticScore { get; init; }

    /// <summary>The grid that a distilled model's steps are taken from.</summary>
    public int? OriginalInferenceSteps { get; init; }

    /// <summary>A second model that goes on with the latents, and its settings.</summary>
    public GenerationRequest? Refiner { get; init; }

    /// <summary>LoRAs and textual inversions; null for none.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>What the noise is moved towards; null for a random one where <see cref="SubseedStrength"/> is above 0.</summary>
    public ulong? Subseed { get; init; }

    /// <summary>How far, 0..1.</summary>
    public double SubseedStrength { get; init; }

    /// <summary>A second pass at a larger size; null for none.</summary>
    public HiresSettings? Hires { get; init; }

    /// <summary>Frames between two prompts or pictures; null for none.</summary>
    public InterpolationSettings? Interpolate { get; init; }

    /// <summary>The side of the tiles that a picture is made larger in, in its pixels, 0..<see cref="LargestSide"/>: 0 for all of it at once; null for tiles above a size.</summary>
    public int? Tile { get; init; }

    /// <summary>How many of its pixels neighbouring tiles have in common at least, 0 to half of a tile; null for the family's.</summary>
    public int? TileOverlap { get; init; }

    /// <summary>Whether the VAE works in tiles; null for above a size.</summary>
    public bool? VaeTiling { get; init; }

    /// <summary>Pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Pixels.</summary>
    public int? Height { get; init; }

    /// <summary>One per picture; null for one picture of a random seed.</summary>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <summary>How many pictures, where <see cref="Seeds"/> does not say it.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Steps, 1..1000.</summary>
    public int? Steps { get; init; }

    /// <summary>Timesteps instead of steps.</summary>
    public IReadOnlyList<double>? Timesteps { get; init; }

    /// <summary>A scheduler's class or short name and its options; null for the model's own.</summary>
    public JsonObject? Scheduler { get; init; }

    /// <summary>0..100; up to 1 there is no pass without the prompt.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>How a guided prediction moves a sample on.</summary>
    public GuidanceMethod GuidanceMethod { get; init; }

    /// <summary>The shares of the run between which there is a pass without the prompt, 0..1; null for all of it.</summary>
    public IReadOnlyList<double>? GuidanceInterval { get; init; }

    /// <summary>The scale of perturbed-attention guidance, 0 and above; 0 for none.</summary>
    public double PagScale { get; init; }

    /// <summary>Guidance by a pass with the negative prompt, in models that guidance is distilled into; up to 1 there is none.</summary>
    public double? TrueCfgScale { get; init; }

    /// <summary>The level that a small picture is noised to before it is made larger, a timestep.</summary>
    public int? NoiseLevel { get; init; }

    /// <summary>Steps of a prior.</summary>
    public int? PriorSteps { get; init; }

    /// <summary>Steps of a decoder that a prior's embedding goes to.</summary>
    public int? DecoderSteps { get; init; }

    /// <summary>Steps of a super-resolution that is part of the model.</summary>
    public int? SuperResSteps { get; init; }

    /// <summary>The guidance scale of a prior.</summary>
    public double? PriorGuidanceScale { get; init; }

    /// <summary>The guidance scale of a decoder that a prior's embedding goes to.</summary>
    public double? DecoderGuidanceScale { get; init; }

    /// <summary>0..1.</summary>
    public double? GuidanceRescale { get; init; }

    /// <summary>η of DDIM-like schedulers, 0 and above.</summary>
    public double Eta { get; init; }

    /// <summary>Which generator the seeds mean.</summary>
    public NoiseKind Noise { get; init; } = NoiseKind.TorchCpu;

    /// <summary>The element type that noise is drawn in.</summary>
    public NoiseDtype NoiseDtype { get; init; } = NoiseDtype.Float32;

    /// <summary>How pictures become files.</summary>
    public OutputSettings Output { get; init; } = new();

    /// <summary>Pictures on the way; null for none.</summary>
    public PreviewSettings? Preview { get; init; }

    /// <summary>Fields of the vocabulary that were given and that only other families or tasks know.</summary>
    public IReadOnlyList<string> Foreign { get; init; } = [];
}
