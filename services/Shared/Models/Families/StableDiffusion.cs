using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.Prompts;
using Brownian.Requests.References;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>
/// Stable Diffusion 1.x, 2.x and XL, LCM, their inpainting models and instruct-pix2pix, as the reference's pipelines of those names: CLIP text
/// encoders, a UNet that is given their embeddings, a VAE. Says what a request means for a model, and refuses what it cannot mean.
/// </summary>
public sealed class StableDiffusion : ModelFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = ModelFacts.DefaultFamily;

    /// <summary>The name of the first of the family.</summary>
    private const string Name = "Stable Diffusion 1.x/2.x";

    private const string XlName = "Stable Diffusion XL";

    /// <summary>The reference pipelines' defaults.</summary>
    private const int LatentChannels = 4;
    private const int DefaultSteps = 50;
    private const int DefaultLcmSteps = 4;
    private const int DefaultGuidedSteps = 100;
    private const double DefaultGuidanceScale = 7.5;
    private const double DefaultXlGuidanceScale = 5;
    private const double DefaultLcmGuidanceScale = 8.5;
    private const double DefaultImageGuidanceScale = 1.5;
    private const double DefaultAestheticScore = 6;
    private const double DefaultNegativeAestheticScore = 2.5;

    /// <summary>Above so many pixels the VAE works in tiles where a request does not say: there its memory is counted in gigabytes.</summary>
    private const int MaxUntiled = 1536 * 1536;

    /// <summary>Guidance of prompts that guide by AND: several passes with prompts are added up.</summary>
    private static readonly string[] ComposedFields = ["guidance_scale", "guidance_rescale"];

    /// <summary>Guidance of a run that has passes with the prompt, with the image and without both.</summary>
    private static readonly string[] ImageGuidedFields = [.. ComposedFields, "guidance_interval", "pag_scale"];

    /// <summary>Guidance of all other runs, beside those.</summary>
    private static readonly string[] OtherGuidanceFields = [.. FamilyRules.GuidanceFields.Except(ImageGuidedFields)];

    /// <summary>Fields that all models of the family know, whatever the task.</summary>
    private static readonly string[] OwnFields =
    [
        "prompt", "negative_prompt", "prompt_syntax", "long_prompt", "clip_skip", "width", "height", "steps", "timesteps", "scheduler", "eta",
        "original_inference_steps", "subseed", "subseed_strength", "interpolate", "hires", "vae_tiling", .. ImageGuidedFields,
        .. RequestSchema.NamesIn(FieldGroup.Adapters), .. RequestSchema.NamesIn(FieldGroup.ControlNet),
    ];

    private static readonly string[] PreviewFields = ["task", "model", "latents", "vae_tiling", "output", "seeds", "seed", "count"];

    private static readonly string[] AestheticFields = ["aesthetic_score", "negative_aesthetic_score"];

    private static readonly string[] XlFields = ["prompt_2", "negative_prompt_2", .. RequestSchema.NamesIn(FieldGroup.Xl).Except(AestheticFields)];

    private const string ControlScaleField = "controlnet_conditioning_scale", ControlStartField = "control_guidance_start",
        ControlEndField = "control_guidance_end";

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) => model.Graphs.ContainsKey("unet");

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => NameOf(facts);

    /// <inheritdoc/>
    public override ModelFacts Read(ModelFolder model) => ModelFacts.Read(model);

    /// <inheritdoc/>
    public override IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary
    {
        get
        {
            ModelFacts[] kinds =
            [
                new() { Family = FamilyKey },
                new() { Family = FamilyKey, IsXl = true },
                new() { Family = FamilyKey, IsXl = true, RequiresAestheticScore = true },
                new() { Family = FamilyKey, EmbedsGuidance = true },
                new() { Family = FamilyKey, Channels = LatentChannels, InputChannels = 2 * LatentChannels + 1 },
                new() { Family = FamilyKey, Channels = LatentChannels, InputChannels = 2 * LatentChannels },
            ];
            return kinds.Select(facts => (
                NameOf(facts),
                (IReadOnlyList<string>)
                [
                    .. TasksOf(facts).SelectMany(task => task == RequestTask.Preview ? PreviewFields : FamilyRules.AllOf(FieldsOf(task, facts)))
                        .Distinct()
                ]));
        }
    }

    private static string[] TasksOf(ModelFacts facts) =>
        facts.IsDecoderOnly ? [RequestTask.Preview]
        : facts.IsInpainting ? [RequestTask.Inpaint]
        : facts.IsGuidedByImage || facts.RequiresAestheticScore ? [RequestTask.ImageToImage]
        : [RequestTask.TextToImage, RequestTask.ImageToImage, RequestTask.Inpaint, RequestTask.Preview];

    /// <summary>The fields that a kind of models knows in a task.</summary>
    private static IEnumerable<string> FieldsOf(string task, ModelFacts facts)
    {
        bool isInpaint = task == RequestTask.Inpaint, fromImage = isInpaint || task == RequestTask.ImageToImage;
        return
        [
            .. OwnFields,
            .. facts.IsXl ? XlFields : [],
            .. facts.RequiresAestheticScore ? AestheticFields : [],
            .. facts.IsGuidedByImage ? ["image_guidance_scale"] : OtherGuidanceFields,
            .. fromImage ? (string[])["init_image"] : [],
            .. fromImage && !facts.IsGuidedByImage ? (string[])["strength"] : [],
            .. fromImage && !isInpaint && !facts.IsGuidedByImage ? (string[])["init_latents"] : [],
            .. isInpaint ? (string[])["mask", "padding_mask_crop"] : [],
        ];
    }

    private static string NameOf(ModelFacts facts) =>
        facts.IsDecoderOnly ? "preview decoder"
        : facts.IsXl ? facts.RequiresAestheticScore ? "Stable Diffusion XL refiner" : XlName
        : facts.EmbedsGuidance ? "Latent Consistency"
        : facts.IsInpainting ? "Stable Diffusion inpainting"
        : facts.IsGuidedByImage ? "instruct-pix2pix"
        : Name;

    /// <inheritdoc/>
    public override void Require(ModelFolder model)
    {
        if (!model.Graphs.ContainsKey("unet") && !model.Graphs.ContainsKey("text_encoder") && model.Graphs.ContainsKey("vae_decoder"))
        {
            return;
        }
        bool hasSecond = model.Graphs.ContainsKey("text_encoder_2");
        if (!hasSecond)
        {
            model.Require("text_encoder");
        }
        model.Require("unet");
        model.Require("vae_decoder");
        if (model.Graphs.ContainsKey("text_encoder") && model.Tokenizer is null)
        {
            throw new ModelException($"The model folder {model.FolderPath} has no tokenizer folder");
        }
        if (hasSecond && model.SecondTokenizer is null)
        {
            throw new ModelException($"The model folder {model.FolderPath} has no tokenizer_2 folder");
        }
        if (model.Scheduler is null)
        {
            throw new ModelException($"The model folder {model.FolderPath} has no scheduler/scheduler_config.json");
        }
        try
        {
            SchedulerCatalog.Create(model.Scheduler);
        }
        catch (FieldFaultException exception)
        {
            throw new ModelException($"The model folder {model.FolderPath}, scheduler/{exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before) =>
        StableDiffusionPlan.Add(plan, request, [model]);

    /// <summary>Adds what is done for a request with a refiner, up to the pictures.</summary>
    public static string AddWithRefiner(PlanBuilder plan, ResolvedRequest request, IReadOnlyList<ModelCard> models) =>
        StableDiffusionPlan.Add(plan, request, models);

    /// <summary>A request with what its refiner does.</summary>
    /// <param name="request">The request.</param>
    /// <param name="resolved">What it means for the first model; null where it means nothing.</param>
    /// <param name="models">The model, and the refiner's.</param>
    /// <param name="faults">Where faults go.</param>
    public static ResolvedRequest? ResolveRefiner(
        GenerationRequest request, ResolvedRequest? resolved, IReadOnlyList<ModelCard> models, List<FieldFault> faults)
    {
        var own = new List<FieldFault>();
        if (models[1].Facts.Family != FamilyKey)
        {
            faults.Add(FieldFault.Of("refiner.model", models[1].Name, "a Stable Diffusion model"));
            return null;
        }
        int? width = resolved?.Width ?? request.Width, height = resolved?.Height ?? request.Height;
        ResolvedRequest? refiner =
            ResolveRefiner(request.Refiner! with { Width = width, Height = height, Seeds = resolved?.Seeds ?? request.Seeds }, models[1], own);
        faults.AddRange(own.Select(fault => new FieldFault("refiner." + fault.Field, fault.Message)));
        if (resolved is not null && models[0].Facts.Channels is { } channels && models[1].Facts.Channels is { } others && channels != others)
        {
            faults.Add(FieldFault.Of("refiner.model", models[1].Name, $"a model of {channels} latent channels, as {models[0].Name} has them"));
        }
        return resolved is null ? null : resolved with { Refiner = refiner };
    }

    /// <summary>The second call begins at the first one's latents: nothing of a picture's is known yet.</summary>
    private static ResolvedRequest? ResolveRefiner(GenerationRequest request, ModelCard model, List<FieldFault> faults)
    {
        if (request.Width is null || request.Height is null)
        {
            return null;
        }
        int scale = model.Facts.Scale ?? 8;
        var latents =
            new RequestImage("", request.Width.Value / scale, request.Height.Value / scale, model.Facts.Channels ?? 4, request.Seeds?.Count ?? 1);
        return ResolveFor(request, new RequestImages { InitLatents = latents }, model, faults);
    }

    /// <inheritdoc/>
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults) =>
        ResolveFor(request, images, model, faults);

    private static ResolvedRequest? ResolveFor(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        string family = NameOf(facts);
        if (request.Task == RequestTask.Preview)
        {
            return ResolvePreview(request, images, model, faults);
        }
        IReadOnlyList<string> known = FamilyRules.CheckFields(request, family, TasksOf(facts), FieldsOf(request.Task, facts), faults);
        CheckTask(request, images, facts, family, faults);
        CheckControls(request, images, model, faults);
        if (facts.IsDecoderOnly)
        {
            // Nothing else of it can be asked for.
            return null;
        }
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
                    $"goes between two plain prompts with the family {family}; allowed: prompts, without "
                        + $"prompt_syntax, long_prompt, refiner and hires"));
        }
        if (request.ClipSkip is { } skip && skip > 0 && facts.MaxClipSkip is { } most && skip > most)
        {
            faults.Add(
                FieldFault.Of(
                    "clip_skip", skip,
                    most == 0
                        ? "0: this model's text encoder gives no earlier layer"
                        : string.Create(CultureInfo.InvariantCulture, $"0..{most} with this model")));
        }
        ModelDefaults defaults = model.Defaults;
        (int width, int height) = SizeOf(request, images, model, faults);
        FamilyRules.CheckSize(width, height, facts, faults);

        bool isInpaint = request.Task == RequestTask.Inpaint, fromImage = request.Task is RequestTask.ImageToImage or RequestTask.Inpaint;
        double usualGuidance = facts.EmbedsGuidance ? DefaultLcmGuidanceScale
            : facts.IsXl && !isInpaint ? DefaultXlGuidanceScale
            : DefaultGuidanceScale;
        double guidance = FamilyRules.ScaleOf(request, model, usualGuidance);
        bool guided = false;
        double rescale = request.GuidanceRescale ?? (fromImage && !facts.IsXl ? 0 : defaults.GuidanceRescale ?? 0);
        if (rescale > 0 && fromImage && !facts.IsXl)
        {
            faults.Add(FieldFault.Of("guidance_rescale", rescale, $"0 for {request.Task} with the family {family}"));
        }
        bool usesStrength = fromImage && !facts.IsGuidedByImage && request.DenoisingStart is null;
        double usualStrength = isInpaint ? (facts.IsXl ? 0.9999 : 1) : facts.IsXl ? 0.3 : 0.8;
        double? strength = usesStrength ? request.Strength ?? usualStrength : null;
        int usualSteps = facts.EmbedsGuidance ? DefaultLcmSteps : facts.IsGuidedByImage ? DefaultGuidedSteps : DefaultSteps;
        SamplingOptions sampling = FamilyRules.SamplingOf(request, model, usualSteps) with
        {
            OriginalInferenceSteps = request.OriginalInferenceSteps,
            // The reference's LCM pipelines take their steps from the part of the grid that strength leaves.
            Strength = facts.EmbedsGuidance ? strength ?? 1 : 1,
        };
        JsonObject? overrides = request.Scheduler ?? defaults.Scheduler;
        Scheduler? scheduler = FamilyRules.CreateScheduler(model.Scheduler, overrides, sampling, faults);
        (bool isActive, GuidanceOptions options) = FamilyRules.GuidanceOf(request, guidance, scheduler, model, faults);
        guided = isActive && !facts.EmbedsGuidance;
        FamilyRules.CheckEta(request, scheduler, faults);
        (int first, int? end) = scheduler is null
            ? (0, null)
            : WindowOf(request, scheduler, sampling, facts.EmbedsGuidance ? null : strength, faults);
        FamilyRules.CheckPreviews(request, (scheduler?.Timesteps.Length ?? 0) - first, faults);
        ResolvedHires? hires = request.Hires is { } larger && scheduler is not null
            ? ResolveHires(request, larger, model, (width, height), sampling, faults)
            : null;
        if (request is { PromptSyntax: PromptSyntax.A1111, Prompt: { } composed }
            && PromptComposition.Parse(composed) is { Count: > 1 } or [{ Weight: not 1 }])
        {
            if (!guided || facts.IsGuidedByImage)
            {
                faults.Add(
                    new FieldFault(
                        "prompt",
                        "guides by AND or by a weight of a whole prompt; allowed with a guidance_scale above 1, and without a guiding picture"));
            }
            if (rescale > 0)
            {
                faults.Add(FieldFault.Of("guidance_rescale", rescale, "0 with prompts that guide by AND"));
            }
            faults.AddRange(
                FamilyRules.GuidanceFields.Except(ComposedFields).Where(request.SetFields.Contains)
                    .Select(field => new FieldFault(field, "is not known to prompts that guide by AND")));
        }
        if (faults.Count > 0)
        {
            return null;
        }
        string? negative = guided ? request.NegativePrompt ?? (facts.IsXl && facts.ForceZeros ? null : "") : null;
        (IReadOnlyList<double>? timeIds, IReadOnlyList<double>? negativeTimeIds) = facts.IsXl
            ? TimeIdsOf(request, facts, width, height, fromImage)
            : (null, null);
        ulong subseed = request.Subseed ?? FamilyRules.RandomSeeds(1)[0];
        return new ResolvedRequest
        {
            Request = request,
            KnownFields = known,
            HasInfotextFields = true,
            Model = model.Name,
            Prompt = request.Interpolate?.Prompts?[0] ?? request.Prompt!,
            NegativePrompt = negative,
            IsGuided = guided,
            Prompt2 = request.Prompt2,
            NegativePrompt2 = negative is null ? null : request.NegativePrompt2,
            Images = images,
            Width = width,
            Height = height,
            Seeds = FamilyRules.FrameSeedsOf(request),
            GuidanceScale = guidance,
            GuidanceRescale = rescale,
            Guidance = options,
            ImageGuidanceScale = facts.IsGuidedByImage ? request.ImageGuidanceScale ?? DefaultImageGuidanceScale : null,
            Scheduler = scheduler!.Config.ToJson(),
            SchedulerOverrides = overrides,
            Sampling = sampling,
            Strength = strength,
            First = first,
            Adapters = request.Adapters,
            End = end,
            TimeIds = timeIds,
            NegativeTimeIds = negativeTimeIds,
            Controls = ControlsOf(request, images, facts, width, height),
            Subseeds = request.SubseedStrength > 0
                ? [.. Enumerable.Repeat(subseed, request.Interpolate?.Frames ?? request.Seeds?.Count ?? request.Count)]
                : [],
            Hires = hires,
            IsTiled = request.VaeTiling ?? (long)(hires?.Width ?? width) * (hires?.Height ?? height) > MaxUntiled,
        };
    }

    /// <summary>Latents that a sampling loop holds, decoded as they are: one picture each.</summary>
    private static ResolvedRequest? ResolvePreview(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        faults.AddRange(
            request.SetFields.Except(PreviewFields).Select(
                field => new FieldFault(field, $"is not known to the task {RequestTask.Preview}; known: {string.Join(", ", PreviewFields)}")));
        if (request.Latents is null)
        {
            faults.Add(new FieldFault("latents", "is missing; allowed: a .npy file of [pictures, channels, height, width]"));
        }
        if (images.Latents is { } latents && model.Facts.Channels is { } channels && latents.Channels != channels)
        {
            faults.Add(FieldFault.Of("latents", $"{latents.Channels} channels", $"{channels} channels"));
        }
        if (images.Latents is { Count: > GenerationRequest.MaxImages } many)
        {
            faults.Add(FieldFault.Of("latents", $"{many.Count} pictures", $"1..{GenerationRequest.MaxImages}"));
        }
        if (faults.Count > 0 || images.Latents is not { } found)
        {
            return null;
        }
        int scale = model.Facts.Scale ?? 8;
        if (ElementCount.Of([found.Width, found.Height, scale, scale]) is not <= GenerationRequest.MaxPixels)
        {
            faults.Add(FieldFault.Of("latents", $"[{found.Count}, {found.Channels}, {found.Height}, {found.Width}]", string.Create(
                CultureInfo.InvariantCulture,
                $"up to {GenerationRequest.MaxPixels} pixels a picture, {GenerationRequest.MaxPixels / scale / scale} latents")));
            return null;
        }
        int width = found.Width * scale, height = found.Height * scale;
        return new ResolvedRequest
        {
            // What decodes to pictures does not say how they were made.
            Request = request with { Output = request.Output with { Metadata = false } },
            IsDrawn = false,
            Model = model.Name,
            Prompt = "",
            NegativePrompt = null,
            IsGuided = false,
            Images = images,
            Width = width,
            Height = height,
            Seeds = [.. Enumerable.Range(0, found.Count).Select(i => (ulong)i)],
            GuidanceScale = 1,
            GuidanceRescale = 0,
            Scheduler = [],
            SchedulerOverrides = null,
            Sampling = new SamplingOptions(),
            IsTiled = request.VaeTiling ?? (long)width * height > MaxUntiled,
        };
    }

    private static ResolvedHires? ResolveHires(
        GenerationRequest request, HiresSettings asked, ModelCard model, (int Width, int Height) first, SamplingOptions sampling,
        List<FieldFault> faults)
    {
        const double DefaultScale = 2, DefaultStrength = 0.7;
        int multiple = model.Facts.PixelMultiple ?? 8;
        double scale = asked.Scale ?? DefaultScale;
        int width = asked.Width ?? Round(first.Width * scale), height = asked.Height ?? Round(first.Height * scale);
        var own = new List<FieldFault>();
        FamilyRules.CheckSize(width, height, model.Facts, own);
        if (width < first.Width || height < first.Height)
        {
            own.Add(new FieldFault("width", $"{width}x{height} is smaller than the first pass, {first.Width}x{first.Height}"));
        }
        SamplingOptions run = asked.Steps is { } steps ? sampling with { Steps = steps, Timesteps = null } : sampling;
        double strength = asked.Strength ?? DefaultStrength;
        Scheduler? scheduler = FamilyRules.CreateScheduler(
            model.Scheduler, request.Scheduler ?? model.Defaults.Scheduler, run with { Strength = model.Facts.EmbedsGuidance ? strength : 1 }, own);
        (int begin, _) = scheduler is null
            ? (0, null)
            : WindowOf(
                request with { DenoisingStart = null, DenoisingEnd = null, Timesteps = run.Timesteps }, scheduler, run,
                model.Facts.EmbedsGuidance
                    ? null
                    : strength, own);
        faults.AddRange(own.Select(fault => new FieldFault("hires." + fault.Field, fault.Message)));
        if (own.Count > 0)
        {
            return null;
        }
        (IReadOnlyList<double>? timeIds, IReadOnlyList<double>? negativeTimeIds) = model.Facts.IsXl
            ? TimeIdsOf(request with { OriginalSize = null, TargetSize = null }, model.Facts, width, height, true)
            : (null, null);
        return new ResolvedHires(
            width, height, run with { Strength = model.Facts.EmbedsGuidance ? strength : 1 }, begin, strength,
            asked.Upscaler ?? HiresSettings.Upscalers[0])
        {
            TimeIds = timeIds,
            NegativeTimeIds = negativeTimeIds,
        };

        int Round(double side) => Math.Max((int)Math.Round(side / multiple), 1) * multiple;
    }

    /// <summary>Refuses tasks and fields that a model does not know, and pictures that a task lacks.</summary>
    private static void CheckTask(GenerationRequest request, RequestImages images, ModelFacts facts, string family, List<FieldFault> faults)
    {
        if (!TasksOf(facts).Contains(request.Task))
        {
            return;
        }
        bool isText = request.Task == RequestTask.TextToImage;
        void Only(bool known, string where, string field)
        {
            if (!known && request.SetFields.Contains(field))
            {
                faults.Add(new FieldFault(field, $"is not known to the family {family} {where}"));
            }
        }

        Only(isText && request.Refiner is null && request.DenoisingEnd is null, $"in {request.Task}, with a refiner or with denoising_end", "hires");
        Only(request.Refiner is null || isText || !facts.IsXl, $"in {request.Task}", "refiner");
        if (isText)
        {
            Only(request.DenoisingStart is null || !facts.IsXl, "without a picture or latents to begin at", "denoising_start");
            return;
        }
        if (!facts.HasVaeEncoder && images.InitLatents is null)
        {
            faults.Add(new FieldFault("model", "has no vae_encoder folder: it makes no latents of pictures"));
        }
        if (request.InitImage is not null && request.InitLatents is not null)
        {
            faults.Add(new FieldFault("init_latents", "replaces init_image; only one of them can be given"));
        }
        // A picture that is named and was not read is a fault already.
        if (request.InitImage is null && images is { InitImage: null, InitLatents: null } && request.InitLatents is null)
        {
            faults.Add(new FieldFault("init_image", $"is missing; {request.Task} begins at a picture"));
        }
        FamilyRules.CheckMask(request, images, faults);
        if (images.InitLatents is { } latents && facts.Channels is { } channels && latents.Channels != channels)
        {
            faults.Add(FieldFault.Of("init_latents", $"{latents.Channels} channels", $"{channels} channels"));
        }
        if (images.InitLatents is { Count: var count } && count != 1 && count != (request.Seeds?.Count ?? request.Count))
        {
            faults.Add(FieldFault.Of("init_latents", $"{count} latents", "one, or one a picture"));
        }
    }

    /// <summary>
    /// Refuses ControlNets where a model hears none, and numbers that are not one for all or one for each. What names that are not the model's
    /// own mean is looked up where the folders are.
    /// </summary>
    private static void CheckControls(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        if (!facts.HearsControlNets || request.ControlImages.Count == 0)
        {
            string why = facts.HearsControlNets ? "without a control_image" : $"with the model {model.Name}, which hears no ControlNet";
            faults.AddRange(
                RequestSchema.NamesIn(FieldGroup.ControlNet).Where(request.SetFields.Contains)
                    .Select(field => new FieldFault(field, $"is not known to the family {NameOf(facts)} {why}")));
            return;
        }
        int pictures = request.ControlImages.Count, nets = request.ControlNets?.Count ?? facts.ControlNets.Count;
        if (nets == 0)
        {
            faults.Add(new FieldFault("controlnets", $"is missing; the model {model.Name} has none of its own: name one of the folders of adapters"));
        }
        else if (request.ControlNets is null ? pictures > nets : pictures != nets)
        {
            faults.Add(
                FieldFault.Of(
                    "control_image", $"{pictures} pictures",
                    request.ControlNets is null
                        ? $"up to {nets}, one a ControlNet of the model"
                        : $"{nets}, one a ControlNet"));
        }
        bool counted = true;
        foreach ((string field, IReadOnlyList<double>? numbers) in
            ((string, IReadOnlyList<double>?)[])
            [
                (ControlScaleField, request.ControlScales), (ControlStartField, request.ControlStarts), (ControlEndField, request.ControlEnds)
            ])
        {
            if (numbers is not null && numbers.Count != 1 && numbers.Count != pictures)
            {
                faults.Add(FieldFault.Of(field, $"{numbers.Count} numbers", $"one for all, or {pictures}, one a ControlNet"));
                counted = false;
            }
        }
        for (int i = 0; counted && i < pictures; i++)
        {
            double start = At(request.ControlStarts, i, 0), end = At(request.ControlEnds, i, 1);
            if (start >= end)
            {
                faults.Add(
                    FieldFault.Of(ControlStartField, start, string.Create(CultureInfo.InvariantCulture, $"below control_guidance_end, {end}")));
            }
        }
        if (request.PaddingMaskCrop is not null && images.Mask is { } mask
            && images.ControlImages.FirstOrDefault(image => (image.Width, image.Height) != (mask.Width, mask.Height)) is { } other)
        {
            faults.Add(
                new FieldFault(
                    "control_image",
                    $"is {other.Width}x{other.Height} pixels; allowed with padding_mask_crop: the mask's {mask.Width}x{mask.Height}"));
        }
    }

    /// <summary>The ControlNets of a request that has no faults.</summary>
    private static ControlSettings[] ControlsOf(GenerationRequest request, RequestImages images, ModelFacts facts, int width, int height) =>
    [
        .. images.ControlImages.Select((image, i) => new ControlSettings
        {
            Net = request.ControlNets?[i] ?? new ControlNetReference(facts.ControlNets[i]),
            Image = image.Id,
            Preprocess = request.ControlPreprocess,
            Width = width,
            Height = height,
            Mask = request.PaddingMaskCrop is null ? null : images.Mask?.Id,
            PaddingMaskCrop = request.PaddingMaskCrop ?? 0,
            Scale = At(request.ControlScales, i, 1),
            Start = At(request.ControlStarts, i, 0),
            End = At(request.ControlEnds, i, 1),
            GuessMode = request.GuessMode,
        }),
    ];

    /// <summary>One number for all, or one each.</summary>
    private static double At(IReadOnlyList<double>? numbers, int index, double usual) =>
        numbers is null ? usual : numbers[numbers.Count == 1 ? 0 : index];

    private static (int Width, int Height) SizeOf(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        (int? width, int? height) = facts.FixedLatentSize is { } size
            ? (size.Width * facts.Scale, size.Height * facts.Scale)
            : (facts.SampleSize * facts.Scale, facts.SampleSize * facts.Scale);
        if (facts.FixedLatentSize is null)
        {
            (width, height) = (model.Defaults.Width ?? width, model.Defaults.Height ?? height);
        }
        if (images.InitLatents is { } latents && facts.Scale is { } scale)
        {
            return (latents.Width * scale, latents.Height * scale);
        }
        // Without a picture to begin at, the size is that of the first one that a ControlNet is shown.
        if ((images.InitImage ?? (images.ControlImages.Count > 0 ? images.ControlImages[0] : null)) is { } image && request.PaddingMaskCrop is null
            && facts.FixedLatentSize is null)
        {
            (width, height) =
                FamilyRules.SizeFrom(images.InitImage is null ? "control_image" : "init_image", image, facts.PixelMultiple ?? 8, request, faults);
        }
        return (request.Width ?? width ?? 0, request.Height ?? height ?? 0);
    }

    /// <summary>Which evaluations are made (<c>get_timesteps</c> of the reference's pipelines).</summary>
    /// <param name="request">The request.</param>
    /// <param name="scheduler">Started.</param>
    /// <param name="sampling">What it was started with.</param>
    /// <param name="strength">How far from a picture to go; null where it does not say where to begin.</param>
    /// <param name="faults">Where faults go.</param>
    private static (int First, int? End) WindowOf(
        GenerationRequest request, Scheduler scheduler, SamplingOptions sampling, double? strength, List<FieldFault> faults)
    {
        ReadOnlySpan<float> timesteps = scheduler.Timesteps;
        int trainSteps = (int?)scheduler.Config.ToJson()["num_train_timesteps"] ?? 1000;
        int first = 0;
        if (request.DenoisingStart is { } start)
        {
            double cutoff = Math.Round(trainSteps - start * trainSteps);
            int left = CountBelow(timesteps, cutoff);
            // With two evaluations a step the first one of a pair is kept.
            left = scheduler.Order == 2 && left % 2 == 0 ? left + 1 : left;
            first = Math.Max(timesteps.Length - left, 0);
            if (left == 0)
            {
                faults.Add(FieldFault.Of("denoising_start", start, "a share that leaves at least one step"));
            }
        }
        else if (strength is { } share)
        {
            int steps = sampling.Steps ?? sampling.Timesteps!.Count;
            int made = Math.Min((int)(steps * share), steps);
            first = Math.Max(steps - made, 0) * scheduler.Order;
            if (made < 1 || first >= timesteps.Length)
            {
                faults.Add(
                    FieldFault.Of(
                        "strength", share,
                        string.Create(
                            CultureInfo.InvariantCulture, $"above 0, with at least one of {steps} steps left: {1.0 / steps:0.####} and above")));
                return (0, null);
            }
        }
        if (request.DenoisingEnd is not { } until || until >= 1)
        {
            return (first, null);
        }
        if (request.DenoisingStart is { } begin && begin >= until)
        {
            faults.Add(FieldFault.Of("denoising_end", until, string.Create(CultureInfo.InvariantCulture, $"above denoising_start, {begin}")));
            return (first, null);
        }
        double last = Math.Round(trainSteps - until * trainSteps);
        int end = first + (timesteps.Length - first) - CountBelow(timesteps[first..], last);
        if (end <= first)
        {
            faults.Add(FieldFault.Of("denoising_end", until, "a share with at least one step in it"));
        }
        return (first, end);
    }

    private static int CountBelow(ReadOnlySpan<float> timesteps, double cutoff)
    {
        int count = 0;
        foreach (float timestep in timesteps)
        {
            count += timestep < cutoff ? 1 : 0;
        }
        return count;
    }

    /// <summary>Sizes and crops as numbers (<c>_get_add_time_ids</c> of the reference's XL pipelines, their differences included).</summary>
    private static (IReadOnlyList<double> Own, IReadOnlyList<double> Negative) TimeIdsOf(
        GenerationRequest request, ModelFacts facts, int width, int height, bool fromImage)
    {
        int[] size = [height, width], none = [0, 0];
        IReadOnlyList<int> original = request.OriginalSize ?? size, target = request.TargetSize ?? size, crops = request.CropsCoordsTopLeft ?? none;
        IReadOnlyList<int> negativeCrops = request.NegativeCropsCoordsTopLeft ?? none;
        if (facts.RequiresAestheticScore)
        {
            return (
                [.. original, .. crops, request.AestheticScore ?? DefaultAestheticScore],
                [.. request.NegativeOriginalSize ?? original, .. negativeCrops, request.NegativeAestheticScore ?? DefaultNegativeAestheticScore]);
        }
        double[] own = [.. original, .. crops, .. target];
        if (fromImage)
        {
            // The crops are those of the pass with the prompt.
            return (own, [.. request.NegativeOriginalSize ?? original, .. crops, .. request.NegativeTargetSize ?? target]);
        }
        return (
            own,
            request is { NegativeOriginalSize: { } negativeOriginal, NegativeTargetSize: { } negativeTarget }
                ? [.. negativeOriginal, .. negativeCrops, .. negativeTarget]
                : own);
    }
}
