using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>The stages of a Stable Diffusion request.</summary>
internal static class StableDiffusionPlan
{
    public static string Add(PlanBuilder plan, ResolvedRequest request, IReadOnlyList<ModelCard> models)
    {
        ModelCard model = models[0];
        if (request.Images.Latents is { } given)
        {
            string read = plan.Add("latents", StageKind.VaeEncode, new VaeEncodeSettings { Latents = given.Id }, [], model);
            return plan.Add(
                "decode", StageKind.VaeDecode, new VaeDecodeSettings { Tiled = request.IsTiled }, new() { ["latents"] = read + ".image" },
                model) + ".pixels";
        }
        string? image = AddImage(plan, request, model);
        PlannedPrompts prompts = PlannedPrompts.Of(request);
        string encode = Encode(plan, "encode", request, model, prompts);
        Dictionary<string, string> first = DenoiseInputs(request, model.Facts, encode, image, prompts);
        if (request.Request.Interpolate is { } between)
        {
            AddBlend(plan, request, model, between, first);
        }
        string latents = plan.Add(
            "denoise", StageKind.Denoise, DenoiseSettings(request, model.Facts, Image(request, model.Facts), prompts), first, model) + ".latents";
        if (request.Refiner is { } refiner)
        {
            model = models[1];
            PlannedPrompts again = PlannedPrompts.Of(refiner);
            Dictionary<string,
            string> inputs = DenoiseInputs(refiner, model.Facts, Encode(plan, "refine-encode", refiner, model, again), null, again);
            inputs["image"] = latents;
            var handedOver = new ImageSettings
            {
                Start = refiner.Request.DenoisingStart is null ? DenoiseStart.NoisedImage : DenoiseStart.Image,
                IsScaled = true,
                Scaling = model.Facts.Scaling,
            };
            latents = plan.Add("refine", StageKind.Denoise, DenoiseSettings(refiner, model.Facts, handedOver, again), inputs, model) + ".latents";
        }
        if (request.Hires is { } hires)
        {
            latents = AddHires(plan, request, hires, model, prompts, encode, latents);
        }
        return plan.Add(
            "decode", StageKind.VaeDecode, new VaeDecodeSettings { Tiled = request.IsTiled }, new() { ["latents"] = latents }, model) + ".pixels";
    }

    /// <summary>Frames from the prompt's embeddings to the second one's, one a picture.</summary>
    private static void AddBlend(
        PlanBuilder plan, ResolvedRequest request, ModelCard model, InterpolationSettings between, Dictionary<string, string> inputs)
    {
        string other = Encode(
            plan, "encode-second", request with { IsGuided = false, NegativePrompt = null }, model,
            PlannedPrompts.Of(request with { Prompt = between.Prompts![1], NegativePrompt = null }));
        var ends = new Dictionary<string, string>();
        foreach ((string input, string suffix) in ((string, string)[])[("embedding", ""), ("pooled", TextEncodeSettings.PooledSuffix)])
        {
            if (inputs.TryGetValue(input, out string? source))
            {
                ends["first-prompt" + suffix] = source;
                ends["second-prompt" + suffix] = $"{other}.prompt{suffix}";
            }
        }
        string blend = plan.Add("blend", StageKind.TextEncode, new TextEncodeSettings { Blend = new BlendSettings(between.Frames) }, ends, model);
        foreach ((string input, string suffix) in ((string, string)[])[("embedding", ""), ("pooled", TextEncodeSettings.PooledSuffix)])
        {
            if (inputs.ContainsKey(input))
            {
                inputs[input] = $"{blend}.prompt{suffix}";
            }
        }
    }

    /// <summary>The second pass begins at the first one's latents, enlarged; or at those of its picture, enlarged.</summary>
    private static string AddHires(
        PlanBuilder plan, ResolvedRequest request, ResolvedHires hires, ModelCard model, PlannedPrompts prompts, string encode, string first)
    {
        ResolvedRequest second = request with
        {
            Width = hires.Width,
            Height = hires.Height,
            Sampling = hires.Sampling,
            First = hires.First,
            TimeIds = hires.TimeIds,
            NegativeTimeIds = hires.NegativeTimeIds,
            Controls = [.. request.Controls.Select(control => control with { Width = hires.Width, Height = hires.Height })],
            Subseeds = [],
        };
        string? resize = hires.Upscaler switch { "latent" => "bilinear", "latent-nearest" => "nearest", "latent-bicubic" => "bicubic", _ => null };
        string image = first;
        if (resize is null)
        {
            string decoded = plan.Add(
                "hires-decode", StageKind.VaeDecode, new VaeDecodeSettings { Tiled = request.IsTiled }, new() { ["latents"] = image }, model);
            var again =
                new VaeEncodeSettings { Width = hires.Width, Height = hires.Height, Scale = model.Facts.Scale!.Value, Tiled = request.IsTiled };
            image = plan.Add("hires-image", StageKind.VaeEncode, again, new() { ["pixels"] = decoded + ".pixels" }, model) + ".image";
        }
        Dictionary<string, string> inputs = DenoiseInputs(second, model.Facts, encode, null, prompts);
        inputs["image"] = image;
        var settings =
            new ImageSettings { Start = DenoiseStart.NoisedImage, IsScaled = resize is not null, Resize = resize, Scaling = model.Facts.Scaling };
        return plan.Add("hires", StageKind.Denoise, DenoiseSettings(second, model.Facts, settings, prompts), inputs, model) + ".latents";
    }

    private static string Encode(PlanBuilder plan, string name, ResolvedRequest request, ModelCard model, PlannedPrompts prompts)
    {
        var settings = new TextEncodeSettings
        {
            Texts = prompts.Texts,
            Zeros = request.IsGuided && request.NegativePrompt is null ? ["negative"] : [],
            Adapters = request.Adapters,
        };
        return plan.Add(name, StageKind.TextEncode, settings, [], model);
    }

    /// <summary>The stage that makes latents of the request's picture, and its name.</summary>
    private static string? AddImage(PlanBuilder plan, ResolvedRequest request, ModelCard model)
    {
        RequestImages images = request.Images;
        if (images is { InitImage: null, InitLatents: null })
        {
            return null;
        }
        bool isInpaint = request.Request.Task == RequestTask.Inpaint;
        var settings = new VaeEncodeSettings
        {
            Image = images.InitImage?.Id,
            Latents = images.InitLatents?.Id,
            Mask = images.Mask?.Id,
            Width = request.Width,
            Height = request.Height,
            Scale = model.Facts.Scale!.Value,
            PaddingMaskCrop = request.Request.PaddingMaskCrop,
            Whole = DrawsImage(request, model.Facts),
            Masked = isInpaint,
            Tiled = request.IsTiled,
        };
        return plan.Add("image", StageKind.VaeEncode, settings, [], model);
    }

    /// <summary>Whether the run draws from the picture: a model that is made for inpainting begins at noise alone at full strength.</summary>
    private static bool DrawsImage(ResolvedRequest request, ModelFacts facts) => !(facts.IsInpainting && request.Strength >= 1);

    private static ImageSettings? Image(ResolvedRequest request, ModelFacts facts)
    {
        if (request.Images is { InitImage: null, InitLatents: null })
        {
            return null;
        }
        bool isInpaint = request.Request.Task == RequestTask.Inpaint;
        return new ImageSettings
        {
            Role = facts.IsGuidedByImage ? ImageRole.Guide : facts.IsInpainting ? ImageRole.Inpaint : ImageRole.Begin,
            Start =
                facts.IsGuidedByImage || (isInpaint && request.Strength >= 1) ? DenoiseStart.Noise
                : request.Request.DenoisingStart is not null ? DenoiseStart.Image
                : DenoiseStart.NoisedImage,
            IsScaled = request.Images.InitLatents is not null,
            Scaling = facts.Scaling,
            GuidanceScale = request.ImageGuidanceScale ?? 1,
        };
    }

    private static Dictionary<string, string> DenoiseInputs(
        ResolvedRequest request, ModelFacts facts, string encode, string? image, PlannedPrompts prompts)
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
        if (image is not null)
        {
            if (DrawsImage(request, facts))
            {
                inputs["image"] = image + ".image";
            }
            if (request.Request.Task == RequestTask.Inpaint)
            {
                inputs["mask"] = image + ".mask";
                inputs["masked-image"] = image + ".masked-image";
            }
        }
        return inputs;
    }

    private static DenoiseSettings DenoiseSettings(ResolvedRequest request, ModelFacts facts, ImageSettings? image, PlannedPrompts prompts) =>
        PlanBuilder.Denoising(
        request, [facts.Channels!.Value, request.Height / facts.Scale!.Value, request.Width / facts.Scale.Value]) with
        {
            GuidanceEmbedding = facts.EmbedsGuidance ? request.GuidanceScale - 1 : null,
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
}
