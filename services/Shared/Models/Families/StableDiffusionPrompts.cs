using Brownian.Models.Facts;
using Brownian.Requests;
using Brownian.Requests.Prompts;

namespace Brownian.Models.Families;

/// <summary>Checks the prompts of a Stable Diffusion request.</summary>
internal static class StableDiffusionPrompts
{
    /// <summary>Guidance fields that prompts combined by AND support. Their guidance is the sum over several conditional passes.</summary>
    private static readonly string[] ComposedFields = ["guidance_scale", "guidance_rescale"];

    /// <summary>
    /// Rejects a missing prompt, interpolation between prompts that are not plain, and a clip skip beyond the text encoders' layers.
    /// </summary>
    public static void Check(GenerationRequest request, ModelFacts facts, string family, List<FieldFault> faults)
    {
        FamilyRules.CheckPrompt(request, faults);
        FamilyRules.CheckInterpolation(request, faults);
        if (request.Interpolate is { } between
            && (
                between.Images is not null || request.PromptSyntax != PromptSyntax.Plain || request.LongPrompt || request.Refiner is not null
                    || request.Hires is not null))
        {
            faults.Add(
                new FieldFault(
                    "interpolate",
                    $"supports only plain prompts with the family {family}; allowed: prompts, without "
                        + $"prompt_syntax, long_prompt, refiner and hires"));
        }
        if (request.ClipSkip is { } skip && skip > 0 && facts.MaxClipSkip is { } most && skip > most)
        {
            faults.Add(
                FieldFault.Of(
                    "clip_skip", skip,
                    most == 0
                        ? "0: this model's text encoder has no output of an earlier layer"
                        : string.Create(CultureInfo.InvariantCulture, $"0..{most} with this model")));
        }
    }

    /// <summary>Rejects prompts combined by AND when the run cannot add them up, and guidance fields that such prompts do not support.</summary>
    /// <param name="request">The request.</param>
    /// <param name="isComposable">Whether the run adds the prompts' guidance to an unconditional pass.</param>
    /// <param name="rescale">The guidance rescale.</param>
    /// <param name="faults">Receives the faults.</param>
    public static void CheckComposition(GenerationRequest request, bool isComposable, double rescale, List<FieldFault> faults)
    {
        if (request is not { PromptSyntax: PromptSyntax.A1111, Prompt: { } prompt }
            || PromptComposition.Parse(prompt) is not ({ Count: > 1 } or [{ Weight: not 1 }]))
        {
            return;
        }
        if (!isComposable)
        {
            faults.Add(
                new FieldFault(
                    "prompt",
                    "uses AND or a weight of the whole prompt; allowed with a guidance_scale above 1, and without an image that guides"));
        }
        if (rescale > 0)
        {
            faults.Add(FieldFault.Of("guidance_rescale", rescale, "0 with prompts that use AND"));
        }
        faults.AddRange(
            FamilyRules.GuidanceFields.Except(ComposedFields).Where(request.SetFields.Contains)
                .Select(field => new FieldFault(field, "is not supported by prompts that use AND")));
    }
}
