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
/// Stable Diffusion's x4 upscaler, implemented as the reference's <c>pipeline_stable_diffusion_upscale.py</c>: latents of the small image's size,
/// with the noised small image as additional input channels of the UNet.
/// </summary>
internal sealed class LatentUpscaler : ModelFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = "latent-upscaler";

    /// <summary>The reference pipeline's defaults.</summary>
    private const int DefaultSteps = 75;
    private const double DefaultGuidanceScale = 9;
    private const int DefaultNoiseLevel = 20;
    private const int MaxNoiseLevel = 350;
    private const int Channels = 4;
    private const int InputChannels = 7;

    private static readonly string[] Fields =
    [
        "prompt", "negative_prompt", "init_image", "width", "height", "steps", "timesteps", "noise_level", "eta", "scheduler", "vae_tiling", "tile",
        "tile_overlap", .. FamilyRules.GuidanceFields,
    ];

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) =>
        model.Graphs.TryGetValue("unet", out GraphFile? unet) && model.Graphs.ContainsKey("vae_decoder")
        && (unet.Integer("in_channels") == InputChannels || model.PipelineClass.Contains("Upscale", StringComparison.Ordinal));

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => "Stable Diffusion x4 upscaler";

    /// <inheritdoc/>
    public override bool Upscales(ModelFacts facts) => true;

    /// <inheritdoc/>
    public override IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary =>
        [(NameFor(new ModelFacts { Family = FamilyKey }), FamilyRules.AllOf(Fields))];

    /// <inheritdoc/>
    public override void Require(ModelFolder model)
    {
        foreach (string part in (string[])["unet", "vae_decoder", "text_encoder"])
        {
            model.Require(part);
        }
        model.RequireFolder("tokenizer");
        model.RequireScheduler("scheduler");
        model.RequireScheduler("low_res_scheduler");
        if (ModelFacts.Levels(model.Require("vae_decoder")) is null || ModelFacts.Levels(model.Require("unet")) is null)
        {
            throw new ModelException(
                $"The model folder {model.FolderPath}: vae_decoder/config.json and unet/config.json must have block_out_channels");
        }
    }

    /// <inheritdoc/>
    public override ModelFacts Read(ModelFolder model)
    {
        GraphFile unet = model.Require("unet"), vae = model.Require("vae_decoder");
        int scale = ModelFacts.Levels(vae) is { } levels ? 1 << (levels - 1) : 4;
        return new ModelFacts
        {
            Family = FamilyKey,
            Denoisers = ["unet"],
            HasPerturbed = model.Graphs.ContainsKey("unet" + ModelFolder.PerturbedSuffix),
            Channels = vae.Integer("latent_channels") ?? Channels,
            Scale = scale,
            LatentMultiple = Math.Max(scale, ModelFacts.Levels(unet) is { } halvings ? 1 << (halvings - 1) : 8),
            SampleSize = ModelFacts.ReadSampleSize(unet),
            ScalingFactor = vae.Number("scaling_factor") ?? 0.08333,
            StatesScalingFactor = vae.Number("scaling_factor") is not null,
            TilePixels = vae.Integer("sample_size") is >= 16 and int tile ? tile : ModelFacts.UnstatedTilePixels,
            InputChannels = unet.Integer("in_channels") ?? InputChannels,
            MaxClipSkip = 0,
            MaxNoiseLevel = JsonFile.Integer(model.Index?["max_noise_level"]) ?? MaxNoiseLevel,
            Schedulers = model.SchedulerOf("low_res_scheduler") is { } noising ? new Dictionary<string, JsonObject> { ["noising"] = noising } : [],
        };
    }

    /// <inheritdoc/>
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        IReadOnlyList<string> known = FamilyRules.CheckFields(request, NameFor(facts), [RequestTask.Upscale], Fields, faults);
        if (images.InitImage is null && request.Task == RequestTask.Upscale)
        {
            FamilyRules.CheckImage(request, faults);
        }
        int level = request.NoiseLevel ?? DefaultNoiseLevel;
        if (level > facts.MaxNoiseLevel)
        {
            faults.Add(FieldFault.Of("noise_level", level, $"0..{facts.MaxNoiseLevel} with this model"));
        }
        int multiple = facts.LatentMultiple!.Value, scale = facts.Scale!.Value;
        (int width, int height) = images.InitImage is { } image
            ? (image.Width / multiple * multiple * scale, image.Height / multiple * multiple * scale)
            : (0, 0);
        if (images.InitImage is { } small)
        {
            if (width == 0 || height == 0)
            {
                faults.Add(FieldFault.Of("init_image", $"{small.Width}x{small.Height} pixels", $"at least {multiple} on each side"));
            }
            FamilyRules.CheckUpscaled(small, scale, faults);
            FamilyRules.CheckOwnSize(request, width, height, $"{scale} times the image's", faults);
        }
        DenoiseTiling? tiling = FamilyRules.TilingOf(request, (width, height), (width / scale, height / scale), scale: 1, multiple, faults);
        double guidance = FamilyRules.ScaleOf(request, model, DefaultGuidanceScale);
        SamplingOptions sampling = FamilyRules.SamplingOf(request, model, DefaultSteps);
        JsonObject? overrides = request.Scheduler ?? model.Defaults.Scheduler;
        Scheduler? scheduler = FamilyRules.CreateScheduler(model.Scheduler, overrides, sampling, faults);
        FamilyRules.CheckEta(request, scheduler, faults);
        (bool guided, GuidanceOptions options) = FamilyRules.GuidanceOf(request, guidance, scheduler, model, faults);
        FamilyRules.CheckPreviews(request, scheduler?.Timesteps.Length ?? 0, faults);
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
            NoiseLevel = level,
            Tiling = tiling,
            IsTiled = request.VaeTiling ?? tiling is not null,
        };
    }

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before)
    {
        ModelFacts facts = model.Facts;
        int scale = facts.Scale!.Value, width = request.Width / scale, height = request.Height / scale;
        string image = before ?? plan.Add(
            "image", StageKind.VaeEncode,
            new VaeEncodeSettings { Pixels = PixelRange.Stretched, Image = request.Images.InitImage!.Id, Width = width, Height = height }, [],
            model) + ".image";
        string encode = plan.AddTexts(request, model, static (text, _) => text);
        var inputs = new Dictionary<string, string> { ["embedding"] = encode + ".prompt", ["image"] = image };
        if (request.IsGuided)
        {
            inputs["negative"] = encode + ".negative";
        }
        DenoiseSettings settings = PlanBuilder.Denoising(request, [facts.Channels!.Value, height, width]) with
        {
            Image = new ImageSettings
            {
                Role = ImageRole.Upscale,
                Start = DenoiseStart.Noise,
                Resize = before is null ? null : "nearest",
                Noise = new UpscaleNoise(facts.Schedulers["noising"], request.NoiseLevel!.Value, First: true),
            },
            ExtraInputs = [new ExtraInput("class_labels", request.NoiseLevel.Value)],
        };
        string denoise = plan.Add("denoise", StageKind.Denoise, settings, inputs, model);
        return plan.Add(
            "decode", StageKind.VaeDecode, new VaeDecodeSettings { Tiled = request.IsTiled }, new() { ["latents"] = denoise + ".latents" },
            model) + ".pixels";
    }
}
