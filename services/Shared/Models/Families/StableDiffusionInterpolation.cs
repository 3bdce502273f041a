using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>Interpolates from the embeddings of a Stable Diffusion request's prompt to those of a second prompt.</summary>
internal static class StableDiffusionInterpolation
{
    /// <summary>
    /// Adds the stages that interpolate between the prompts' embeddings, one frame per image, and replaces the run's inputs by their outputs.
    /// </summary>
    /// <param name="plan">Receives the stages.</param>
    /// <param name="request">The resolved request.</param>
    /// <param name="model">The model.</param>
    /// <param name="between">The prompts and the number of frames.</param>
    /// <param name="inputs">The run's inputs, with the first prompt's embeddings.</param>
    public static void Add(
        PlanBuilder plan, ResolvedRequest request, ModelCard model, InterpolationSettings between, Dictionary<string, string> inputs)
    {
        (string Input, string Suffix)[] embeddings = [("embedding", ""), ("pooled", TextEncodeSettings.PooledSuffix)];
        string other = StableDiffusionStages.AddEncode(
            plan, "encode-second", request with { IsGuided = false, NegativePrompt = null }, model,
            PlannedPrompts.Of(request with { Prompt = between.Prompts![1], NegativePrompt = null }));
        var ends = new Dictionary<string, string>();
        foreach ((string input, string suffix) in embeddings)
        {
            if (inputs.TryGetValue(input, out string? source))
            {
                ends["first-prompt" + suffix] = source;
                ends["second-prompt" + suffix] = $"{other}.prompt{suffix}";
            }
        }
        string blend = plan.Add("blend", StageKind.TextEncode, new TextEncodeSettings { Blend = new BlendSettings(between.Frames) }, ends, model);
        foreach ((string input, string suffix) in embeddings)
        {
            if (inputs.ContainsKey(input))
            {
                inputs[input] = $"{blend}.prompt{suffix}";
            }
        }
    }
}
