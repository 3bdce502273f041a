using System.Text.Json.Serialization;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Stages;

/// <summary>Settings of a denoise stage: those of its runs, and what they take from earlier stages.</summary>
public sealed record DenoiseSettings : DenoiseRunSettings
{
    /// <summary>The folder of the denoiser's graph; null for the model's first.</summary>
    public string? Part { get; init; }

    /// <summary>Whether what is denoised are pixels in [-1, 1], which need no decoder to be looked at.</summary>
    public bool IsPixels { get; init; }

    /// <summary>Whether the denoiser is given pooled embeddings without sizes.</summary>
    public bool IsPooled { get; init; }

    /// <summary>What the denoiser's graph takes beside the usual inputs.</summary>
    public IReadOnlyList<FurtherInput> Further { get; init; } = [];

    /// <summary>One per picture.</summary>
    [JsonPropertyOrder(2)]
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>XL's sizes and crops; null for models that take none.</summary>
    [JsonPropertyOrder(4)]
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>The same for the pass without the prompt.</summary>
    [JsonPropertyOrder(4)]
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }

    /// <summary>The prompts that guide the run together or change during it; empty for the input <c>embedding</c> alone.</summary>
    [JsonPropertyOrder(6)]
    public IReadOnlyList<PromptGuide> Prompts { get; init; } = [];

    /// <summary>The negative prompt where it changes; null for the input <c>negative</c>.</summary>
    [JsonPropertyOrder(6)]
    public PromptGuide? Negative { get; init; }

    /// <summary>What is merged into the denoiser; null for nothing.</summary>
    [JsonPropertyOrder(6)]
    public AdapterReferences? Adapters { get; init; }

    /// <summary>What a picture is to the run; null where there is none.</summary>
    [JsonPropertyOrder(6)]
    public ImageSettings? Image { get; init; }

    /// <summary>ControlNets and what they are shown.</summary>
    [JsonPropertyOrder(6)]
    public IReadOnlyList<ControlSettings> Controls { get; init; } = [];

    /// <summary>What each picture's noise is moved towards; empty for nothing.</summary>
    [JsonPropertyOrder(8)]
    public IReadOnlyList<ulong> Subseeds { get; init; } = [];

    /// <summary>Every so many evaluations a preview is made; 0 for none.</summary>
    [JsonPropertyOrder(10)]
    public int PreviewEvery { get; init; }

    /// <summary>Previews' longer side in pixels; null for the pictures' own.</summary>
    [JsonPropertyOrder(10)]
    public int? PreviewSize { get; init; }

    /// <summary>One picture's run.</summary>
    /// <param name="picture">The picture, from 0.</param>
    /// <param name="inputs">What earlier stages made for it.</param>
    /// <exception cref="FieldFaultException">The settings ask for an input that is not there.</exception>
    public DenoiseTask ToTask(int picture, DenoiseInputs inputs) => new(this)
    {
        Embedding = inputs.Embedding,
        NegativeEmbedding = inputs.Negative,
        Seed = Seeds[picture],
        Subseed = Subseeds.Count > 0 ? Subseeds[picture] : null,
        StartLatents = inputs.Latents,
        GeneratorState = inputs.Generator,
        Further =
        [
            .. Further.Select(further => new GraphCondition(
                further.Input,
                further.Value is { } value
                    ? new Tensor([(float)value], [1])
                    : inputs.Further.GetValueOrDefault(further.From!) ?? throw Missing(further.From!),
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
    };

    private PromptCondition Condition(PromptGuide guide, DenoiseInputs inputs) => new(
        guide.Weight,
        [
            .. guide.Steps.Select(step => (
                step.LastStep,
                inputs.Texts.GetValueOrDefault(step.Input) ?? throw Missing(step.Input),
                TimeIds is null
                    ? null
                    : inputs.Texts.GetValueOrDefault(step.Input + TextEncodeRunner.Pooled) ?? throw Missing(step.Input + TextEncodeRunner.Pooled))),
        ]);

    private static FieldFaultException Missing(string input) => new(new FieldFault("plan.inputs." + input, "is missing; the settings ask for it"));
}
