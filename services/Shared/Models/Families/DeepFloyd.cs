using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// DeepFloyd IF, the open variant of Imagen (Saharia et al. 2022, arXiv 2205.11487), implemented as the reference's pipelines of that name: T5, a
/// UNet that denoises pixels and predicts its own variances, dynamic thresholding, and a second UNet that enlarges the small image.
/// </summary>
internal sealed class DeepFloyd : ModelFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = "deepfloyd-if";

    /// <summary>The reference pipelines' defaults.</summary>
    private const int DefaultSteps = 100;
    private const int DefaultImageSteps = 80;
    private const int DefaultInpaintSteps = 50;
    private const int DefaultUpscaleSteps = 50;
    private const int DefaultUpscaleInpaintSteps = 100;
    private const double DefaultGuidanceScale = 7;
    private const double DefaultImageGuidanceScale = 10;
    private const double DefaultUpscaleGuidanceScale = 4;
    private const double DefaultStrength = 0.7;
    private const double DefaultUpscaleStrength = 0.8;
    private const int DefaultNoiseLevel = 250;
    private const int Window = 77;
    private const int Pixels = 3;

    private static readonly string[] Fields =
        ["prompt", "negative_prompt", "width", "height", "steps", "timesteps", "eta", "scheduler", .. FamilyRules.GuidanceFields];

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) =>
        model.PipelineClass.StartsWith("IF", StringComparison.Ordinal)
        || (
            model.Graphs.TryGetValue("unet", out GraphFile? unet) && !model.Graphs.ContainsKey("vae_decoder")
                && unet.Integer("out_channels") == 2 * Pixels);

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => Upscales(facts) ? "DeepFloyd IF super-resolution" : "DeepFloyd IF";

    /// <inheritdoc/>
    public override bool Upscales(ModelFacts facts) => facts.InputChannels == 2 * Pixels;

    /// <inheritdoc/>
    public override IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary =>
        ((int[])[Pixels, 2 * Pixels]).Select(channels => new ModelFacts { Family = FamilyKey, InputChannels = channels })
            .Select(facts => (NameFor(facts), FamilyRules.AllOf(FieldsOf(Upscales(facts), fromImage: true, isInpaint: true))));

    /// <inheritdoc/>
    public override void Require(ModelFolder model)
    {
        model.Require("unet");
        model.Require("text_encoder");
        model.RequireFolder("tokenizer");
        model.RequireScheduler("scheduler");
        ModelFacts facts = Read(model);
        if (facts.InputChannels is not (Pixels or (2 * Pixels)))
        {
            throw new ModelException(
                $"The model folder {model.FolderPath}: unet/config.json has the in_channels {facts.InputChannels}; it must be {Pixels}, "
                    + $"or {2 * Pixels} for a super-resolution");
        }
        if (Upscales(facts))
        {
            model.RequireScheduler("image_noising_scheduler");
        }
    }

    /// <inheritdoc/>
    public override ModelFacts Read(ModelFolder model)
    {
        GraphFile unet = model.Require("unet");
        var schedulers = new Dictionary<string, JsonObject>();
        if (model.SchedulerOf("image_noising_scheduler") is { } noising)
        {
            schedulers["noising"] = noising;
        }
        return new ModelFacts
        {
            Family = FamilyKey,
            Denoisers = ["unet"],
            HasPerturbed = model.Graphs.ContainsKey("unet" + ModelFolder.PerturbedSuffix),
            Channels = Pixels,
            Scale = 1,
            LatentMultiple = ModelFacts.Levels(unet) is { } levels ? 1 << (levels - 1) : 8,
            SampleSize = ModelFacts.ReadSampleSize(unet),
            ScalingFactor = 1,
            StatesScalingFactor = true,
            InputChannels = unet.Integer("in_channels"),
            MaxClipSkip = 0,
            Schedulers = schedulers,
            Text = new TextFacts([], "text_encoder", TextJoin.T5, Window, Window),
        };
    }

    private static string[] FieldsOf(bool upscales, bool fromImage, bool isInpaint) =>
    [
        .. Fields, .. fromImage || upscales ? (string[])["init_image"]
            : [], .. fromImage ? (string[])["strength"]
            : [], .. isInpaint ? (string[])["mask"]
            : [],
        .. upscales ? (string[])["noise_level", "tile", "tile_overlap"] : [],
    ];

    /// <inheritdoc/>
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        bool upscales = Upscales(facts), isInpaint = upscales ? images.OriginalMask is not null : request.Task == RequestTask.Inpaint;
        bool fromImage = upscales ? images.Original is not null : isInpaint || request.Task == RequestTask.ImageToImage;
        string[] tasks = upscales ? [RequestTask.Upscale] : [RequestTask.TextToImage, RequestTask.ImageToImage, RequestTask.Inpaint];
        IReadOnlyList<string> known = FamilyRules.CheckFields(request, NameFor(facts), tasks, FieldsOf(upscales, fromImage, isInpaint), faults);
        if (!upscales)
        {
            FamilyRules.CheckPrompt(request, faults);
        }
        if ((fromImage || upscales) && tasks.Contains(request.Task) && images.InitImage is null)
        {
            FamilyRules.CheckImage(request, faults);
        }
        FamilyRules.CheckMask(request, images, faults);
        (int width, int height) = SizeOf(request, images, model, fromImage, faults);
        FamilyRules.CheckSize(
            width, height, facts, faults,
            upscales
                ? (long)GenerationRequest.MaxSide * GenerationRequest.MaxSide
                : GenerationRequest.MaxPixels);
        DenoiseTiling? tiling = upscales && images.InitImage is { } small
            ? FamilyRules.TilingOf(
                request, (width, height), (width, height), Math.Max((double)width / small.Width, (double)height / small.Height),
                facts.LatentMultiple!.Value, faults)
            : null;
        double defaultGuidance = upscales ? DefaultUpscaleGuidanceScale
            : request.Task == RequestTask.ImageToImage ? DefaultImageGuidanceScale
            : DefaultGuidanceScale;
        double guidance = FamilyRules.ScaleOf(request, model, defaultGuidance);
        int defaultSteps = upscales ? isInpaint ? DefaultUpscaleInpaintSteps
            : DefaultUpscaleSteps
            : isInpaint ? DefaultInpaintSteps
            : fromImage ? DefaultImageSteps
            : DefaultSteps;
        SamplingOptions sampling = FamilyRules.SamplingOf(request, model, defaultSteps);
        JsonObject? overrides = request.Scheduler ?? model.Defaults.Scheduler;
        Scheduler? scheduler = FamilyRules.CreateScheduler(model.Scheduler, overrides, sampling, faults);
        FamilyRules.CheckEta(request, scheduler, faults);
        int steps = sampling.Steps ?? sampling.Timesteps!.Count;
        double strength = request.Strength ?? (upscales ? DefaultUpscaleStrength : isInpaint ? 1 : DefaultStrength);
        int first = fromImage && scheduler is not null
            ? FamilyRules.FirstOf(scheduler, steps, strength, Math.Min((int)(steps * strength), steps), faults)
            : 0;
        int level = request.NoiseLevel ?? (isInpaint ? 0 : DefaultNoiseLevel);
        (bool guided, GuidanceOptions options) = FamilyRules.GuidanceOf(request, guidance, scheduler, model, faults);
        FamilyRules.CheckPreviews(request, (scheduler?.Timesteps.Length ?? 0) - first, faults);
        if (faults.Count > 0)
        {
            return null;
        }
        return new ResolvedRequest
        {
            Request = request,
            KnownFields = known,
            Model = model.Name,
            Prompt = request.Prompt ?? "",
            NegativePrompt = guided ? request.NegativePrompt ?? "" : null,
            IsGuided = guided,
            Images = images,
            Width = width,
            Height = height,
            Seeds = FamilyRules.SeedsOf(request),
            GuidanceScale = guidance,
            GuidanceRescale = request.GuidanceRescale ?? 0,
            Guidance = options,
            Scheduler = scheduler!.Config.ToJson(),
            SchedulerOverrides = overrides,
            Sampling = sampling,
            Strength = fromImage ? strength : null,
            First = first,
            NoiseLevel = upscales ? level : null,
            Tiling = tiling,
        };
    }

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before)
    {
        bool upscales = Upscales(model.Facts);
        RequestImages images = request.Images;
        string? image = before;
        Dictionary<string, string> inputs = [];
        if (image is null && images.InitImage is { } initImage)
        {
            image = upscales ? Prepare(initImage, null, 0, 0) : Prepare(initImage, images.Mask, request.Width, request.Height);
        }
        if (images.Original is { } original)
        {
            inputs["original"] = Prepare(original, images.OriginalMask, request.Width, request.Height);
        }
        string encode = plan.AddTexts(request, model, static (text, _) => text);
        inputs["embedding"] = encode + ".prompt";
        if (request.IsGuided)
        {
            inputs["negative"] = encode + ".negative";
        }
        if (image is not null)
        {
            inputs["image"] = image;
        }
        DenoiseSettings settings = PlanBuilder.Denoising(request, [Pixels, request.Height, request.Width]) with
        {
            IsPixels = true,
            Image = image is null ? null
                : upscales ? UpscalingOf(request, model.Facts)
                : new ImageSettings { Start = DenoiseStart.NoisedImage, IsScaled = true, KeepsPrevious = inputs.ContainsKey("mask") },
            ExtraInputs = upscales ? [new ExtraInput("class_labels", request.NoiseLevel!.Value)] : [],
        };
        return plan.Add("denoise", StageKind.Denoise, settings, inputs, model) + ".latents";

        string Prepare(RequestImage of, RequestImage? mask, int width, int height)
        {
            var pixels = new VaeEncodeSettings { Pixels = PixelRange.Halved, Image = of.Id, Mask = mask?.Id, Width = width, Height = height };
            string prepared = plan.Add("image", StageKind.VaeEncode, pixels, [], model);
            if (mask is not null)
            {
                inputs["mask"] = prepared + ".mask";
            }
            return prepared + ".image";
        }
    }

    private static ImageSettings UpscalingOf(ResolvedRequest request, ModelFacts facts) => new()
    {
        Role = ImageRole.Upscale,
        Start = request.Images.Original is null ? DenoiseStart.Noise : DenoiseStart.NoisedImage,
        Resize = "bilinear-corners",
        KeepsPrevious = request.Images.OriginalMask is not null,
        IsScaledWithSample = true,
        Noise = new UpscaleNoise(facts.Schedulers["noising"], request.NoiseLevel!.Value, First: false),
    };

    /// <summary>
    /// Returns the size of a run. For a run that starts from an image, the shorter side is the model's size and the longer one a multiple of 8
    /// (<c>resize</c> of the reference's <c>pipeline_if_img2img.py</c>).
    /// </summary>
    private static (int Width, int Height) SizeOf(
        GenerationRequest request, RequestImages images, ModelCard model, bool fromImage, List<FieldFault> faults)
    {
        int side = model.Facts.SampleSize;
        if (!fromImage || (images.Original ?? images.InitImage) is not { } image)
        {
            return (request.Width ?? model.Defaults.Width ?? side, request.Height ?? model.Defaults.Height ?? side);
        }
        double proportion = (double)image.Width / image.Height;
        (int width, int height) = proportion >= 1 ? (Longer(proportion), side) : (side, Longer(1 / proportion));
        FamilyRules.CheckOwnSize(request, width, height, "which follows from the image", faults);
        return (width, height);

        int Longer(double times) => (int)Math.Round(side / 8.0 * times, MidpointRounding.ToEven) * 8;
    }
}
