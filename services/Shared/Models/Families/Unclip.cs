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
/// unCLIP, the model of DALL-E 2 (Ramesh et al. 2022, arXiv 2204.06125), in its open variant Karlo, implemented as the reference's
/// <c>pipeline_unclip.py</c>: a prior denoises a CLIP image embedding, a decoder denoises pixels that fit the embedding, and a super-resolution
/// enlarges them. One generator draws the noise of all three. Without a prior, the embedding is that of an input image.
/// </summary>
public sealed class Unclip : ModelFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = "unclip";

    /// <summary>The reference pipelines' defaults.</summary>
    private const int DefaultPriorSteps = 25;
    private const int DefaultDecoderSteps = 25;
    private const int DefaultSuperResSteps = 7;
    private const double DefaultPriorGuidanceScale = 4;
    private const double DefaultDecoderGuidanceScale = 8;
    private const int Pixels = 3;

    private static readonly string[] DecoderFields =
        ["decoder_steps", "super_res_steps", "decoder_guidance_scale", "guidance_rescale", "guidance_interval", "stop_after", "interpolate"];
    private static readonly string[] PriorFields = ["prompt", "prior_steps", "prior_guidance_scale"];

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) => model.Graphs.ContainsKey("decoder") || model.Graphs.ContainsKey("prior");

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => "unCLIP";

    /// <inheritdoc/>
    public override IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary =>
        [(NameFor(new ModelFacts { Family = FamilyKey }), FamilyRules.AllOf([.. DecoderFields, .. PriorFields, "init_image"]))];

    /// <inheritdoc/>
    public override void Require(ModelFolder model)
    {
        foreach (string part in (string[])["decoder", "text_encoder", "text_proj"])
        {
            model.Require(part);
        }
        if (!model.Graphs.ContainsKey("prior") && !model.Graphs.ContainsKey("image_encoder"))
        {
            throw new ModelException(
                $"The model folder {model.FolderPath} has neither prior/model.onnx, for prompts, nor "
                    + $"image_encoder/model.onnx, for variations of images");
        }
        if (model.Graphs.ContainsKey("super_res_last"))
        {
            model.Require("super_res_first");
        }
        model.RequireFolder("tokenizer");
        model.RequireScheduler("decoder_scheduler");
        if (model.Graphs.ContainsKey("prior"))
        {
            model.RequireScheduler("prior_scheduler");
            if (model.Require("prior").Integer("embedding_dim") is null)
            {
                throw new ModelException($"The model folder {model.FolderPath}: prior/config.json has no embedding_dim");
            }
        }
        if (model.Graphs.ContainsKey("super_res_first"))
        {
            model.RequireScheduler("super_res_scheduler");
        }
    }

    /// <inheritdoc/>
    public override ModelFacts Read(ModelFolder model)
    {
        GraphFile decoder = model.Require("decoder");
        model.Graphs.TryGetValue("prior", out GraphFile? prior);
        model.Graphs.TryGetValue("super_res_first", out GraphFile? first);
        var schedulers = new Dictionary<string, JsonObject>();
        foreach ((string name, string folder) in ((string, string)[])[("prior", "prior_scheduler"), ("super-resolution", "super_res_scheduler")])
        {
            if (model.SchedulerOf(folder) is { } scheduler)
            {
                schedulers[name] = scheduler;
            }
        }
        return new ModelFacts
        {
            Family = FamilyKey,
            Denoisers = [.. ((string[])["prior", "decoder", "super_res_first", "super_res_last"]).Where(model.Graphs.ContainsKey)],
            Scheduler = model.SchedulerOf("decoder_scheduler"),
            Schedulers = schedulers,
            Channels = Pixels,
            Scale = 1,
            LatentMultiple = 1,
            SampleSize = ModelFacts.ReadSampleSize(decoder),
            ScalingFactor = 1,
            StatesScalingFactor = true,
            InputChannels = decoder.Integer("in_channels") ?? Pixels,
            MaxClipSkip = 0,
            EmbeddingWidth = prior?.Integer("embedding_dim"),
            SuperResolution = first is null ? 0 : ModelFacts.ReadSampleSize(first),
            HasLastStep = model.Graphs.ContainsKey("super_res_last"),
            HasImageEncoder = model.Graphs.ContainsKey("image_encoder"),
        };
    }

    /// <inheritdoc/>
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        bool hasPrior = facts.Denoisers.Contains("prior"), varies = request.Task == RequestTask.Variation;
        string[] tasks = [.. hasPrior ? (string[])[RequestTask.TextToImage] : [], .. facts.HasImageEncoder ? (string[])[RequestTask.Variation] : []];
        IReadOnlyList<string> known =
            FamilyRules.CheckFields(request, NameFor(facts), tasks, [.. DecoderFields, .. varies ? ["init_image"] : PriorFields], faults);
        FamilyRules.CheckInterpolation(request, faults);
        if (varies)
        {
            if (request.Interpolate is null)
            {
                FamilyRules.CheckImage(request, faults);
            }
        }
        else
        {
            FamilyRules.CheckPrompt(request, faults);
        }
        if (facts.SuperResolution == 0 && request.SuperResSteps is { } unused && unused != DefaultSuperResSteps)
        {
            faults.Add(FieldFault.Of("super_res_steps", unused, $"none with the model {model.Name}, which has no super_res_first"));
        }
        double priorGuidance = varies
            ? 1
            : request.PriorGuidanceScale ?? DefaultPriorGuidanceScale, guidance = request.DecoderGuidanceScale ?? DefaultDecoderGuidanceScale;
        var sampling = new SamplingOptions { Steps = request.DecoderSteps ?? DefaultDecoderSteps };
        Scheduler? scheduler = Create("decoder_steps", model.Scheduler, sampling);
        ResolvedRun? prior = varies || !hasPrior ? null : Run("prior_steps", "prior", request.PriorSteps ?? DefaultPriorSteps, priorGuidance);
        ResolvedRun? enlarging = facts.SuperResolution == 0
            ? null
            : Run("super_res_steps", "super-resolution", request.SuperResSteps ?? DefaultSuperResSteps, 1);
        FamilyRules.CheckPreviews(request, scheduler?.Timesteps.Length ?? 0, faults);
        if (faults.Count > 0)
        {
            return null;
        }
        // One unconditional pass serves both when either is guided.
        bool guided = ClassifierFreeGuidance.IsActive(priorGuidance) || ClassifierFreeGuidance.IsActive(guidance);
        int side = facts.SuperResolution == 0 ? facts.SampleSize : facts.SuperResolution;
        return new ResolvedRequest
        {
            Request = request,
            KnownFields = known,
            Model = model.Name,
            Prompt = varies ? "" : request.Interpolate?.Prompts![0] ?? request.Prompt!,
            NegativePrompt = guided ? "" : null,
            IsGuided = guided,
            Images = images,
            Width = side,
            Height = side,
            Seeds = FamilyRules.FrameSeedsOf(request),
            GuidanceScale = guidance,
            GuidanceRescale = request.GuidanceRescale ?? 0,
            Guidance = FamilyRules.GuidanceOf(request, guidance, scheduler, model, faults).Options,
            Scheduler = scheduler!.Config.ToJson(),
            SchedulerOverrides = null,
            Sampling = sampling,
            Prior = prior,
            SuperResolution = enlarging,
        };

        ResolvedRun? Run(string field, string name, int steps, double scale)
        {
            var own = new SamplingOptions { Steps = steps };
            return Create(field, facts.Schedulers.GetValueOrDefault(name) ?? [], own) is { } made
                ? new ResolvedRun(made.Config.ToJson(), own, scale)
                : null;
        }

        Scheduler? Create(string field, JsonObject file, SamplingOptions run)
        {
            var own = new List<FieldFault>();
            Scheduler? made = FamilyRules.CreateScheduler(file, null, run, own);
            faults.AddRange(own.Select(fault => fault.Field == "steps" ? new FieldFault(field, fault.Message) : fault));
            return made;
        }
    }

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before)
    {
        ModelFacts facts = model.Facts;
        string encode = plan.AddTexts(request, model, static (text, _) => text);
        string embedding;
        string? generator = null;
        Dictionary<string, string> texts = TextsOf(encode);
        if (request.Prior is { } prior)
        {
            (embedding, generator) = AddPrior(plan, request, model, prior, "prior", texts);
        }
        else
        {
            embedding = request.Images.Between is [var one, _]
                ? AddImage(plan, model, "image", one, "interpolate.images[0]")
                : AddImage(plan, model, "image", request.Images.InitImage!);
        }
        if (request.Request.Interpolate is { } between)
        {
            string blend = AddBlend(plan, request, model, between, embedding, texts);
            embedding = blend + ".image";
            if (request.Prior is not null)
            {
                foreach (string text in texts.Keys.Where(text => text.StartsWith("prompt", StringComparison.Ordinal)).ToArray())
                {
                    texts[text] = $"{blend}.{text}";
                }
            }
        }
        string project = plan.Add(
            "project",
            StageKind.TextEncode,
            new TextEncodeSettings { Projection = new ProjectionSettings(request.IsGuided, request.Prior is not null) },
            new Dictionary<string, string>(texts.Where(text => request.IsGuided || !text.Key.StartsWith("negative", StringComparison.Ordinal)))
            { ["image"] = embedding },
            model);
        Dictionary<string, string> inputs = Inputs(request, TextsOf(project), "class");
        if (generator is not null)
        {
            inputs["generator"] = generator;
        }
        DenoiseSettings decoding = Settings(
            request, "decoder", new ResolvedRun(request.Scheduler, request.Sampling, request.GuidanceScale),
            [Pixels, facts.SampleSize, facts.SampleSize]) with
        {
            GuidanceRescale = request.GuidanceRescale,
            Guidance = request.Guidance,
            ExtraInputs = [ExtraInputs("class_labels", "class", request), ExtraInputs("attention_mask", "attention", request)],
        };
        string denoise = plan.Add("decoder", StageKind.Denoise, decoding, inputs, model);
        return request.SuperResolution is { } enlarging ? AddSuperResolution(plan, request, model, enlarging, denoise) : denoise + ".latents";
    }

    /// <summary>
    /// Adds the prior's run. Returns the output with the image embedding of a prompt, and the output with the generator's state after the run. Frames
    /// share one noise, so each end needs only one prior run.
    /// </summary>
    private static (string Embedding, string Generator) AddPrior(
        PlanBuilder plan, ResolvedRequest request, ModelCard model, ResolvedRun prior, string name, Dictionary<string, string> texts)
    {
        DenoiseSettings settings = Settings(request, "prior", prior, [model.Facts.EmbeddingWidth!.Value, 1, 1]) with
        {
            IsPixels = false,
            PreviewEvery = 0,
            Seeds = request.Request.Interpolate is null ? request.Seeds : [request.Seeds[0]],
            ExtraInputs = [ExtraInputs("proj_embedding", "projection", request), ExtraInputs("attention_mask", "attention", request)],
        };
        string made = plan.Add(name, StageKind.Denoise, settings, Inputs(request, texts, "projection"), model);
        return (made + ".latents", made + ".generator");
    }

    private static string AddImage(PlanBuilder plan, ModelCard model, string name, RequestImage image, string? field = null) =>
        plan.Add(name, StageKind.ImageEncode, new ImageEncodeSettings { Images = [image.Id], Field = field }, [], model) + ".embedding";

    /// <summary>
    /// Adds the interpolation from the first end to the second: of the images' embeddings, and with prompts also of the decoder's text inputs.
    /// </summary>
    private static string AddBlend(
        PlanBuilder plan, ResolvedRequest request, ModelCard model, InterpolationSettings between, string first, Dictionary<string, string> texts)
    {
        var inputs = new Dictionary<string, string> { ["first-image"] = first };
        if (request.Prior is { } prior)
        {
            string other = plan.Add(
                "encode-second", StageKind.TextEncode,
                new TextEncodeSettings { Texts = new Dictionary<string, TextPrompt> { ["prompt"] = between.Prompts![1] } }, [], model);
            Dictionary<string, string> second = TextsOf(other);
            foreach (string text in texts.Keys.Where(text => text.StartsWith("negative", StringComparison.Ordinal)))
            {
                second[text] = texts[text];
            }
            inputs["second-image"] = AddPrior(plan, request, model, prior, "prior-second", second).Embedding;
            foreach (string text in second.Keys.Where(text => text.StartsWith("prompt", StringComparison.Ordinal)))
            {
                inputs["first-" + text] = texts[text];
                inputs["second-" + text] = second[text];
            }
        }
        else
        {
            inputs["second-image"] = AddImage(plan, model, "image-second", request.Images.Between[1], "interpolate.images[1]");
        }
        return plan.Add("blend", StageKind.TextEncode, new TextEncodeSettings { Blend = new BlendSettings(between.Frames) }, inputs, model);
    }

    /// <summary>Adds the super-resolution's run. A second graph runs its last step when the folder contains one.</summary>
    private static string AddSuperResolution(PlanBuilder plan, ResolvedRequest request, ModelCard model, ResolvedRun run, string small)
    {
        int side = model.Facts.SuperResolution, last = run.Sampling.Steps!.Value - 1;
        DenoiseSettings settings = Settings(request, "super_res_first", run, [Pixels, side, side]) with
        {
            Image = new ImageSettings { Role = ImageRole.Upscale, Start = DenoiseStart.Noise, Resize = "bicubic-antialias", IsClamped = true },
            End = model.Facts.HasLastStep ? last : null,
        };
        var inputs = new Dictionary<string, string> { ["image"] = small + ".latents", ["generator"] = small + ".generator" };
        string made = plan.Add("super-res", StageKind.Denoise, settings, inputs, model);
        if (model.Facts.HasLastStep)
        {
            settings = settings with { Part = "super_res_last", First = last, End = null };
            inputs = new() { ["image"] = small + ".latents", ["latents"] = made + ".latents", ["generator"] = made + ".generator" };
            made = plan.Add("super-res-last", StageKind.Denoise, settings, inputs, model);
        }
        return made + ".latents";
    }

    private static DenoiseSettings Settings(ResolvedRequest request, string part, ResolvedRun run, IReadOnlyList<int> shape) => new()
    {
        Part = part,
        IsPixels = true,
        LatentShape = shape,
        GuidanceScale = run.GuidanceScale,
        Scheduler = run.Scheduler,
        Sampling = run.Sampling,
        Seeds = request.Seeds,
        Noise = request.Request.Noise,
        NoiseDtype = request.Request.NoiseDtype,
        PreviewEvery = request.Request.Preview?.Every ?? 0,
        PreviewSize = request.Request.Preview?.Size,
    };

    private static ExtraInput ExtraInputs(string input, string from, ResolvedRequest request) =>
        new(input, From: from, Negative: request.IsGuided ? "negative-" + from : null);

    /// <summary>Returns a stage's outputs for the prompt and the negative prompt: embeddings, pooled embeddings and masks.</summary>
    private static Dictionary<string, string> TextsOf(string stage) =>
        ((string[])["", TextEncodeSettings.PooledSuffix, TextEncodeSettings.MaskSuffix])
        .SelectMany(suffix => ((string[])["prompt", "negative"]).Select(text => KeyValuePair.Create(text + suffix, $"{stage}.{text}{suffix}")))
        .ToDictionary(StringComparer.Ordinal);

    /// <summary>Returns a denoiser's inputs for the texts, under the names that its settings use.</summary>
    private static Dictionary<string, string> Inputs(ResolvedRequest request, Dictionary<string, string> texts, string pooled)
    {
        var inputs = new Dictionary<string, string>
        {
            ["embedding"] = texts["prompt"],
            [pooled] = texts["prompt" + TextEncodeSettings.PooledSuffix],
            ["attention"] = texts["prompt" + TextEncodeSettings.MaskSuffix]
        };
        if (request.IsGuided)
        {
            inputs["negative"] = texts["negative"];
            inputs["negative-" + pooled] = texts["negative" + TextEncodeSettings.PooledSuffix];
            inputs["negative-attention"] = texts["negative" + TextEncodeSettings.MaskSuffix];
        }
        return inputs;
    }
}
