using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Models.Plans;

namespace Brownian.Inference.Stages;

/// <summary>The runs of a denoise stage's images.</summary>
public static class DenoiseTasks
{
    /// <summary>Returns the run of one image.</summary>
    /// <param name="settings">The settings of the stage.</param>
    /// <param name="imageIndex">The image's index, from 0.</param>
    /// <param name="inputs">The outputs of earlier stages for the image.</param>
    /// <exception cref="FieldFaultException">The settings need an input that does not exist.</exception>
    public static DenoiseTask ToTask(this DenoiseSettings settings, int imageIndex, DenoiseInputs inputs) => new(settings)
    {
        Embedding = inputs.Embedding,
        NegativeEmbedding = inputs.Negative,
        Seed = settings.Seeds[imageIndex],
        Subseed = settings.Subseeds.Count > 0 ? settings.Subseeds[imageIndex] : null,
        StartLatents = inputs.Latents,
        GeneratorState = inputs.Generator,
        ExtraInputs =
        [
            .. settings.ExtraInputs.Select(further => new GraphCondition(
                further.Input,
                further.Value is { } value
                    ? new Tensor([(float)value], [1])
                    : inputs.ExtraInputs.GetValueOrDefault(further.From!) ?? throw Missing(further.From!),
                further.Negative is null ? null : inputs.ExtraInputs.GetValueOrDefault(further.Negative) ?? throw Missing(further.Negative))),
        ],
        Pooled = settings.TimeIds is null && !settings.IsPooled ? null : new PooledCondition
        {
            Pooled = inputs.Pooled ?? throw Missing("pooled"),
            NegativePooled = inputs.Negative is null ? null : inputs.NegativePooled ?? throw Missing("negative-pooled"),
            TimeIds = settings.TimeIds ?? [],
            NegativeTimeIds = settings.NegativeTimeIds ?? settings.TimeIds ?? [],
        },
        Prompts = [.. settings.Prompts.Select(prompt => Condition(settings, prompt, inputs))],
        Negative = settings.Negative is { } negative ? Condition(settings, negative, inputs) : null,
        Image = settings.Image is not { } image ? null : new ImageCondition
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

    private static PromptCondition Condition(DenoiseSettings settings, PromptGuide guide, DenoiseInputs inputs) => new(
        guide.Weight,
        [
            .. guide.Steps.Select(step => (
                step.LastStep,
                inputs.Texts.GetValueOrDefault(step.Input) ?? throw Missing(step.Input),
                settings.TimeIds is null
                    ? null
                    : inputs.Texts.GetValueOrDefault(step.Input + TextEncodeSettings.PooledSuffix)
                        ?? throw Missing(step.Input + TextEncodeSettings.PooledSuffix))),
        ]);

    private static FieldFaultException Missing(string input) => new(new FieldFault("plan.inputs." + input, "is missing; the settings ask for it"));
}
