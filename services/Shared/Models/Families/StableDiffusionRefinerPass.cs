using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>A second model that continues with the latents of the first one, as XL's refiner does.</summary>
internal static class StableDiffusionRefinerPass
{
    /// <summary>Returns a resolved request with its refiner's request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="resolved">The request, resolved for the first model; null when it has faults.</param>
    /// <param name="models">The model, and the refiner's model.</param>
    /// <param name="faults">Receives the faults.</param>
    public static ResolvedRequest? Resolve(
        GenerationRequest request, ResolvedRequest? resolved, IReadOnlyList<ModelCard> models, List<FieldFault> faults)
    {
        var own = new List<FieldFault>();
        if (models[1].Facts.Family != StableDiffusion.FamilyKey)
        {
            faults.Add(FieldFault.Of("refiner.model", models[1].Name, "a Stable Diffusion model"));
            return null;
        }
        int? width = resolved?.Width ?? request.Width, height = resolved?.Height ?? request.Height;
        ResolvedRequest? refiner =
            Resolve(request.Refiner! with { Width = width, Height = height, Seeds = resolved?.Seeds ?? request.Seeds }, models[1], own);
        faults.AddRange(own.Select(fault => new FieldFault("refiner." + fault.Field, fault.Message)));
        if (resolved is not null && models[0].Facts.Channels is { } channels && models[1].Facts.Channels is { } others && channels != others)
        {
            faults.Add(FieldFault.Of("refiner.model", models[1].Name, $"a model of {channels} latent channels, like {models[0].Name}"));
        }
        return resolved is null ? null : resolved with { Refiner = refiner };
    }

    /// <summary>Resolves the refiner's request. Its run starts from the first run's latents, of which only the shape exists yet.</summary>
    private static ResolvedRequest? Resolve(GenerationRequest request, ModelCard model, List<FieldFault> faults)
    {
        if (request.Width is null || request.Height is null)
        {
            return null;
        }
        int scale = model.Facts.Scale ?? 8;
        var latents =
            new RequestImage("", request.Width.Value / scale, request.Height.Value / scale, model.Facts.Channels ?? 4, request.Seeds?.Count ?? 1);
        return StableDiffusionResolver.Resolve(request, new RequestImages { InitLatents = latents }, model, faults);
    }

    /// <summary>Adds the refiner's run.</summary>
    /// <param name="plan">Receives the stages.</param>
    /// <param name="refiner">The request, resolved for the refiner's model.</param>
    /// <param name="model">The refiner's model.</param>
    /// <param name="latents">The output with the first model's latents.</param>
    /// <returns>The output with the refiner's latents.</returns>
    public static string Add(PlanBuilder plan, ResolvedRequest refiner, ModelCard model, string latents)
    {
        PlannedPrompts prompts = PlannedPrompts.Of(refiner);
        Dictionary<string, string> inputs =
            StableDiffusionStages.TextInputs(refiner, StableDiffusionStages.AddEncode(plan, "refine-encode", refiner, model, prompts), prompts);
        inputs["image"] = latents;
        var image = new ImageSettings
        {
            Start = refiner.Request.DenoisingStart is null ? DenoiseStart.NoisedImage : DenoiseStart.Image,
            IsScaled = true,
            Scaling = model.Facts.Scaling,
        };
        return plan.Add("refine", StageKind.Denoise, StableDiffusionStages.Denoising(refiner, model.Facts, image, prompts), inputs, model)
            + ".latents";
    }
}
