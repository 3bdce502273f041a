using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>A second pass at a larger size (AUTOMATIC1111's hires. fix). It starts from the enlarged latents or image of the first pass.</summary>
internal static class StableDiffusionHiresPass
{
    private const double DefaultScale = 2, DefaultStrength = 0.7;

    /// <summary>Rejects a second pass unless the first one is a complete text-to-image run.</summary>
    public static void Check(GenerationRequest request, string family, List<FieldFault> faults)
    {
        bool follows = request is { Task: RequestTask.TextToImage, Refiner: null, DenoisingEnd: null };
        if (!follows && request.SetFields.Contains("hires"))
        {
            faults.Add(new FieldFault("hires", $"is not supported by the family {family} in {request.Task}, with a refiner or with denoising_end"));
        }
    }

    /// <summary>Returns the second pass with every default filled in; null without one, and when there are faults.</summary>
    /// <param name="request">The request.</param>
    /// <param name="pipeline">The model's pipeline.</param>
    /// <param name="model">The model.</param>
    /// <param name="first">The first pass's size in pixels.</param>
    /// <param name="sampling">The first pass's sampling options.</param>
    /// <param name="faults">Receives the faults.</param>
    public static ResolvedHires? Resolve(
        GenerationRequest request, StableDiffusionPipeline pipeline, ModelCard model, (int Width, int Height) first, SamplingOptions sampling,
        List<FieldFault> faults)
    {
        if (request.Hires is not { } requested)
        {
            return null;
        }
        int multiple = model.Facts.PixelMultiple ?? 8;
        double scale = requested.Scale ?? DefaultScale, strength = requested.Strength ?? DefaultStrength;
        int width = requested.Width ?? Round(first.Width * scale), height = requested.Height ?? Round(first.Height * scale);
        var own = new List<FieldFault>();
        FamilyRules.CheckSize(width, height, model.Facts, own);
        if (width < first.Width || height < first.Height)
        {
            own.Add(new FieldFault("width", $"{width}x{height} is smaller than the first pass, {first.Width}x{first.Height}"));
        }
        (SamplingOptions run, double? share) =
            pipeline.RunOf(requested.Steps is { } steps ? sampling with { Steps = steps, Timesteps = null } : sampling, strength);
        Scheduler? scheduler = FamilyRules.CreateScheduler(model.Scheduler, request.Scheduler ?? model.Defaults.Scheduler, run, own);
        (int begin, _) = scheduler is null
            ? (0, null)
            : StableDiffusionTimesteps.Of(
                request with { DenoisingStart = null, DenoisingEnd = null, Timesteps = run.Timesteps }, scheduler, run, share, own);
        faults.AddRange(own.Select(fault => new FieldFault("hires." + fault.Field, fault.Message)));
        return own.Count > 0 ? null : new ResolvedHires(width, height, run, begin, strength, requested.Upscaler ?? HiresSettings.Upscalers[0]);

        int Round(double side) => Math.Max((int)Math.Round(side / multiple), 1) * multiple;
    }

    /// <summary>Adds the second pass.</summary>
    /// <param name="plan">Receives the stages.</param>
    /// <param name="request">The resolved request, with a second pass.</param>
    /// <param name="model">The model.</param>
    /// <param name="prompts">The request's prompts.</param>
    /// <param name="encode">The stage that encodes them.</param>
    /// <param name="first">The output with the first pass's latents.</param>
    /// <returns>The output with the second pass's latents.</returns>
    public static string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, PlannedPrompts prompts, string encode, string first)
    {
        ResolvedHires hires = request.Hires!;
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
        Dictionary<string, string> inputs = StableDiffusionStages.TextInputs(second, encode, prompts);
        inputs["image"] = image;
        var settings =
            new ImageSettings { Start = DenoiseStart.NoisedImage, IsScaled = resize is not null, Resize = resize, Scaling = model.Facts.Scaling };
        return plan.Add("hires", StageKind.Denoise, StableDiffusionStages.Denoising(second, model.Facts, settings, prompts), inputs, model)
            + ".latents";
    }
}
