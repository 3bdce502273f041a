using Brownian.Models.Facts;
using Brownian.Models.Plans;

namespace Brownian.Models.Families;

/// <summary>Stages that all runs of a Stable Diffusion request share: the first run, the refiner's and the second pass.</summary>
internal static class StableDiffusionStages
{
    /// <summary>Adds the stage that encodes prompts.</summary>
    /// <returns>The stage's name in the plan.</returns>
    public static string AddEncode(PlanBuilder plan, string name, ResolvedRequest request, ModelCard model, PlannedPrompts prompts)
    {
        var settings = new TextEncodeSettings
        {
            Texts = prompts.Texts,
            Zeros = request.IsGuided && request.NegativePrompt is null ? ["negative"] : [],
            Adapters = request.Adapters,
        };
        return plan.Add(name, StageKind.TextEncode, settings, [], model);
    }

    /// <summary>Returns the inputs of a denoise stage for the encoded prompts.</summary>
    /// <param name="request">The resolved request.</param>
    /// <param name="encode">The stage that encodes the prompts.</param>
    /// <param name="prompts">The prompts.</param>
    public static Dictionary<string, string> TextInputs(ResolvedRequest request, string encode, PlannedPrompts prompts)
    {
        var inputs = new Dictionary<string, string> { ["embedding"] = encode + ".prompt" };
        if (request.IsGuided)
        {
            inputs["negative"] = encode + ".negative";
        }
        if (request.TimeIds is not null)
        {
            inputs["pooled"] = encode + ".prompt" + TextEncodeSettings.PooledSuffix;
            if (request.IsGuided)
            {
                inputs["negative-pooled"] = encode + ".negative" + TextEncodeSettings.PooledSuffix;
            }
        }
        foreach (string text in prompts.Inputs)
        {
            inputs["text-" + text] = $"{encode}.{text}";
            if (request.TimeIds is not null)
            {
                inputs["text-" + text + TextEncodeSettings.PooledSuffix] = $"{encode}.{text}{TextEncodeSettings.PooledSuffix}";
            }
        }
        return inputs;
    }

    /// <summary>Returns the settings of a denoise stage.</summary>
    /// <param name="request">The request, resolved for the stage's model.</param>
    /// <param name="facts">The model's facts.</param>
    /// <param name="image">How the stage uses an image; null without one.</param>
    /// <param name="prompts">The prompts.</param>
    public static DenoiseSettings Denoising(ResolvedRequest request, ModelFacts facts, ImageSettings? image, PlannedPrompts prompts)
    {
        DenoiseSettings settings = PlanBuilder.Denoising(
            request, [facts.Channels!.Value, request.Height / facts.Scale!.Value, request.Width / facts.Scale.Value]) with
        {
            End = request.End,
            TimeIds = request.TimeIds,
            NegativeTimeIds = request.NegativeTimeIds,
            Image = image,
            Adapters = request.Adapters,
            Prompts = prompts.Guides,
            Negative = prompts.Negative,
            Controls = request.Controls,
            Subseeds = request.Subseeds,
            SubseedStrength = request.Request.SubseedStrength,
        };
        return StableDiffusionPipeline.Of(facts, request.Request.Task).Complete(settings, request);
    }

    /// <summary>Adds the stage that decodes latents.</summary>
    /// <returns>The output with the images.</returns>
    public static string AddDecode(PlanBuilder plan, ResolvedRequest request, ModelCard model, string latents) =>
        plan.Add(
            "decode", StageKind.VaeDecode, new VaeDecodeSettings { Tiled = request.IsTiled }, new() { ["latents"] = latents }, model) + ".pixels";
}
