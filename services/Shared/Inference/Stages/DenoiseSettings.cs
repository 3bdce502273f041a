using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Requests;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Stages;

/// <summary>Settings of a denoise stage.</summary>
public sealed record DenoiseSettings
{
    /// <summary>The folder of the denoiser's graph; null for the model's first.</summary>
    public string? Part { get; init; }

    /// <summary>Whether what is denoised are pixels in [-1, 1], which need no decoder to be looked at.</summary>
    public bool IsPixels { get; init; }

    /// <summary>Whether the denoiser is given pooled embeddings without sizes.</summary>
    public bool IsPooled { get; init; }

    /// <summary>What the denoiser's graph takes beside the usual inputs.</summary>
    public IReadOnlyList<FurtherInput> Further { get; init; } = [];

    /// <summary>The latents' [channels, height, width].</summary>
    public required IReadOnlyList<int> LatentShape { get; init; }

    /// <summary>How far to go from the unconditional output towards and beyond the conditional one.</summary>
    public double GuidanceScale { get; init; } = 1;

    /// <summary>0..1.</summary>
    public double GuidanceRescale { get; init; }

    /// <summary>What guidance does beside its scale.</summary>
    public GuidanceOptions Guidance { get; init; } = GuidanceOptions.None;

    /// <summary>A complete <c>scheduler_config.json</c> with <c>_class_name</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>The run that the scheduler is asked for.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>One per picture.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>The first evaluation that is made: those before it belong to the picture that the run begins at, or to an earlier model.</summary>
    public int First { get; init; }

    /// <summary>The evaluation before which the run ends; null for its last.</summary>
    public int? End { get; init; }

    /// <summary>XL's sizes and crops; null for models that take none.</summary>
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>The same for the pass without the prompt.</summary>
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }

    /// <summary>As of <see cref="DenoiseTask.GuidanceEmbedding"/>.</summary>
    public double? GuidanceEmbedding { get; init; }

    /// <summary>The prompts that guide the run together or change during it; empty for the input <c>embedding</c> alone.</summary>
    public IReadOnlyList<PromptGuide> Prompts { get; init; } = [];

    /// <summary>The negative prompt where it changes; null for the input <c>negative</c>.</summary>
    public PromptGuide? Negative { get; init; }

    /// <summary>What is merged into the denoiser; null for nothing.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>What a picture is to the run; null where there is none.</summary>
    public ImageSettings? Image { get; init; }

    /// <summary>ControlNets and what they are shown.</summary>
    public IReadOnlyList<ControlSettings> Controls { get; init; } = [];

    /// <summary>How the latents are cut into windows; null for not at all.</summary>
    public DenoiseTiling? Tiling { get; init; }

    /// <summary>What each picture's noise is moved towards; empty for nothing.</summary>
    public IReadOnlyList<ulong> Subseeds { get; init; } = [];

    /// <summary>How far, 0..1.</summary>
    public double SubseedStrength { get; init; }

    /// <summary>One of <see cref="NoiseWords.Kinds"/>.</summary>
    public string Noise { get; init; } = "torch-cpu";

    /// <summary>One of <see cref="NoiseWords.Dtypes"/>.</summary>
    public string NoiseDtype { get; init; } = "float32";

    /// <summary>Every so many evaluations a preview is made; 0 for none.</summary>
    public int PreviewEvery { get; init; }

    /// <summary>Previews' longer side in pixels; null for the pictures' own.</summary>
    public int? PreviewSize { get; init; }

    /// <summary>One picture's run.</summary>
    /// <param name="picture">The picture, from 0.</param>
    /// <param name="inputs">What earlier stages made for it.</param>
    /// <exception cref="FieldFaultException">The settings ask for an input that is not there.</exception>
    public DenoiseTask ToTask(int picture, DenoiseInputs inputs) => new()
    {
        LatentShape = LatentShape,
        Embedding = inputs.Embedding,
        NegativeEmbedding = inputs.Negative,
        GuidanceScale = GuidanceScale,
        GuidanceRescale = GuidanceRescale,
        Guidance = Guidance,
        Scheduler = Scheduler,
        Sampling = Sampling,
        Seed = Seeds[picture],
        Subseed = Subseeds.Count > 0 ? Subseeds[picture] : null,
        SubseedStrength = SubseedStrength,
        Noise = NoiseWords.Kinds[Noise],
        NoiseDtype = NoiseWords.Dtypes[NoiseDtype],
        StartLatents = inputs.Latents,
        GeneratorState = inputs.Generator,
        First = First,
        End = End,
        GuidanceEmbedding = GuidanceEmbedding,
        Further =
        [
            .. Further.Select(further => new GraphCondition(
                further.Input,
                further.Value is { } value ? new Tensor([(float)value], [1]) : inputs.Further.GetValueOrDefault(further.From!) ?? throw Missing(further.From!),
                further.Negative is null ? null : inputs.Further.GetValueOrDefault(further.Negative) ?? throw Missing(further.Negative))),
        ],
        Pooled = TimeIds is null && !IsPooled ? null : new PooledCondition
        {
            Pooled = inputs.Pooled ?? throw Missing("pooled"),
            NegativePooled = inputs.Negative is null ? null : inputs.NegativePooled ?? throw Missing("negative-pooled"),
            TimeIds = TimeIds ?? [],
            NegativeTimeIds = NegativeTimeIds ?? TimeIds ?? [],
        },
        Prompts = [.. Prompts.Select(prompt => Condition(prompt, inputs))],
        Negative = Negative is { } negative ? Condition(negative, inputs) : null,
        Image = Image is not { } image ? null : new ImageCondition
        {
            Role = image.Role,
            Start = image.Start,
            Image = inputs.Image,
            Original = inputs.Original,
            IsScaled = image.IsScaled,
            MaskedImage = inputs.MaskedImage,
            Mask = inputs.Mask,
            Scaling = image.Scaling,
            GuidanceScale = image.GuidanceScale,
            KeepsPrevious = image.KeepsPrevious,
            Noise = image.Noise,
            IsScaledWithSample = image.IsScaledWithSample,
        },
        Controls = inputs.Controls,
        Tiling = Tiling,
    };

    private PromptCondition Condition(PromptGuide guide, DenoiseInputs inputs) => new(
        guide.Weight,
        [
            .. guide.Steps.Select(step => (
                step.LastStep,
                inputs.Texts.GetValueOrDefault(step.Input) ?? throw Missing(step.Input),
                TimeIds is null ? null : inputs.Texts.GetValueOrDefault(step.Input + TextEncodeRunner.Pooled) ?? throw Missing(step.Input + TextEncodeRunner.Pooled))),
        ]);

    private static FieldFaultException Missing(string input) => new(new FieldFault("plan.inputs." + input, "is missing; the settings ask for it"));
}
