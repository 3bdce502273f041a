using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>Builds the stages of a Stable Diffusion request.</summary>
internal static class StableDiffusionPlan
{
    /// <summary>Adds the stages of a request, up to the images.</summary>
    /// <param name="plan">Receives the stages.</param>
    /// <param name="request">The resolved request.</param>
    /// <param name="models">The model, and the refiner's model for a request with one.</param>
    /// <returns>The output with the images.</returns>
    public static string Add(PlanBuilder plan, ResolvedRequest request, IReadOnlyList<ModelCard> models)
    {
        ModelCard model = models[0];
        if (request.Images.Latents is not null)
        {
            return StableDiffusionPreview.Add(plan, request, model);
        }
        StableDiffusionPipeline pipeline = StableDiffusionPipeline.Of(model.Facts, request.Request.Task);
        string? image = AddImage(plan, request, model, pipeline);
        PlannedPrompts prompts = PlannedPrompts.Of(request);
        string encode = StableDiffusionStages.AddEncode(plan, "encode", request, model, prompts);
        Dictionary<string, string> inputs = StableDiffusionStages.TextInputs(request, encode, prompts);
        if (image is not null)
        {
            AddImageInputs(inputs, request, image, pipeline);
        }
        if (request.Request.Interpolate is { } between)
        {
            StableDiffusionInterpolation.Add(plan, request, model, between, inputs);
        }
        ImageSettings? settings = image is null ? null : Image(request, model.Facts, pipeline);
        string latents =
            plan.Add("denoise", StageKind.Denoise, StableDiffusionStages.Denoising(request, model.Facts, settings, prompts), inputs, model)
            + ".latents";
        if (request.Refiner is { } refiner)
        {
            model = models[1];
            latents = StableDiffusionRefinerPass.Add(plan, refiner, model, latents);
        }
        if (request.Hires is not null)
        {
            latents = StableDiffusionHiresPass.Add(plan, request, model, prompts, encode, latents);
        }
        return StableDiffusionStages.AddDecode(plan, request, model, latents);
    }

    /// <summary>Adds the stage that encodes the request's image to latents.</summary>
    /// <returns>The stage's name in the plan; null without an image.</returns>
    private static string? AddImage(PlanBuilder plan, ResolvedRequest request, ModelCard model, StableDiffusionPipeline pipeline)
    {
        RequestImages images = request.Images;
        if (images is { InitImage: null, InitLatents: null })
        {
            return null;
        }
        var settings = new VaeEncodeSettings
        {
            Image = images.InitImage?.Id,
            Latents = images.InitLatents?.Id,
            Mask = images.Mask?.Id,
            Width = request.Width,
            Height = request.Height,
            Scale = model.Facts.Scale!.Value,
            PaddingMaskCrop = request.Request.PaddingMaskCrop,
            Whole = pipeline.TakesWholeImage(request),
            Masked = request.Request.Task == RequestTask.Inpaint,
            Tiled = request.IsTiled,
        };
        return plan.Add("image", StageKind.VaeEncode, settings, [], model);
    }

    private static void AddImageInputs(Dictionary<string, string> inputs, ResolvedRequest request, string image, StableDiffusionPipeline pipeline)
    {
        if (pipeline.TakesWholeImage(request))
        {
            inputs["image"] = image + ".image";
        }
        if (request.Request.Task == RequestTask.Inpaint)
        {
            inputs["mask"] = image + ".mask";
            inputs["masked-image"] = image + ".masked-image";
        }
    }

    /// <summary>Returns how the run uses the request's image.</summary>
    private static ImageSettings Image(ResolvedRequest request, ModelFacts facts, StableDiffusionPipeline pipeline)
    {
        var settings = new ImageSettings
        {
            Start =
                request.Request.Task == RequestTask.Inpaint && request.Strength >= 1 ? DenoiseStart.Noise
                : request.Request.DenoisingStart is not null ? DenoiseStart.Image
                : DenoiseStart.NoisedImage,
            IsScaled = request.Images.InitLatents is not null,
            Scaling = facts.Scaling,
        };
        return pipeline.Complete(settings, request);
    }
}
