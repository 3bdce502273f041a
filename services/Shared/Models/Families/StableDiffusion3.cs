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
/// Stable Diffusion 3 (Esser et al. 2024, arXiv 2403.03206), implemented as the reference's pipelines of that name: two CLIP encoders and T5, a
/// transformer of both modalities, and flow matching.
/// </summary>
internal sealed class StableDiffusion3 : FlowFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = "stable-diffusion-3";

    /// <summary>The reference pipelines' defaults.</summary>
    private const int DefaultSteps = 28;
    private const int DefaultImageSteps = 50;
    private const double DefaultGuidanceScale = 7;
    private const double DefaultStrength = 0.6;
    private const int DefaultWindow = 256;
    private const int MaxWindow = 512;
    private const double DefaultMaxShift = 1.16;
    private const int DefaultSampleSize = 128;

    private static readonly string[] Fields =
    [
        "prompt", "negative_prompt", "prompt_2", "negative_prompt_2", "prompt_3", "negative_prompt_3", "max_sequence_length", "clip_skip", "width",
        "height",
        "steps", "scheduler", "vae_tiling", .. FamilyRules.GuidanceFields,
    ];

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) =>
        model.Graphs.TryGetValue("transformer", out GraphFile? transformer) && !Flux.IsFlux(model, transformer);

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => "Stable Diffusion 3";

    /// <inheritdoc/>
    public override IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary =>
        [(NameFor(new ModelFacts { Family = FamilyKey }), FamilyRules.AllOf(FieldsOf(RequestTask.Inpaint)))];

    /// <inheritdoc/>
    public override void Require(ModelFolder model)
    {
        foreach (string part in (string[])["transformer", "vae_decoder", "text_encoder", "text_encoder_2"])
        {
            model.Require(part);
        }
        string[] tokenizers = ["tokenizer", "tokenizer_2", .. model.Graphs.ContainsKey("text_encoder_3") ? (string[])["tokenizer_3"] : []];
        foreach (string tokenizer in tokenizers)
        {
            model.RequireFolder(tokenizer);
        }
        model.RequireScheduler("scheduler");
        if (Read(model).EmbeddingWidth is null)
        {
            throw new ModelException($"The model folder {model.FolderPath}: transformer/config.json has no joint_attention_dim");
        }
    }

    /// <inheritdoc/>
    public override ModelFacts Read(ModelFolder model)
    {
        GraphFile transformer = model.Require("transformer");
        int?[] layers =
        [
            .. model.Graphs.Values.Where(graph => graph.Part is "text_encoder" or "text_encoder_2")
                .Select(graph => graph.Integer("num_hidden_layers"))
        ];
        return ReadShared(model) with
        {
            Family = FamilyKey,
            SampleSize = transformer.Integer("sample_size") ?? DefaultSampleSize,
            InputChannels = transformer.Integer("in_channels"),
            MaxLatentSide = transformer.Integer("pos_embed_max_size") * (transformer.Integer("patch_size") ?? 2),
            MaxClipSkip = layers.Contains(null) ? null : layers.Min() - 1,
            Text = new TextFacts(
                ["text_encoder", "text_encoder_2"],
                model.Graphs.ContainsKey("text_encoder_3")
                    ? "text_encoder_3"
                    : null, TextJoin.ClipThenT5, DefaultWindow, MaxWindow),
        };
    }

    private static string[] FieldsOf(string task) =>
    [
        .. Fields, .. task is RequestTask.ImageToImage or RequestTask.Inpaint ? (string[])["init_image", "strength"] : [],
        .. task == RequestTask.Inpaint ? (string[])["mask", "padding_mask_crop"] : [],
    ];

    /// <inheritdoc/>
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        bool isInpaint = request.Task == RequestTask.Inpaint, fromImage = isInpaint || request.Task == RequestTask.ImageToImage;
        IReadOnlyList<string> known = FamilyRules.CheckFields(
            request, NameFor(facts), [RequestTask.TextToImage, RequestTask.ImageToImage, RequestTask.Inpaint], FieldsOf(request.Task), faults);
        FamilyRules.CheckPrompt(request, faults);
        if (fromImage)
        {
            FamilyRules.CheckImage(request, faults);
            FamilyRules.CheckMask(request, images, faults);
            if (!facts.HasVaeEncoder)
            {
                faults.Add(new FieldFault("model", "has no vae_encoder folder: it cannot encode images"));
            }
        }
        if (request.ClipSkip is { } skip && facts.MaxClipSkip is { } most && skip > most)
        {
            faults.Add(FieldFault.Of("clip_skip", skip, string.Create(CultureInfo.InvariantCulture, $"0..{most} with this model")));
        }
        (int width, int height) = SizeOf(request, images, model, faults);
        CheckSize(width, height, facts, faults);
        int window = WindowOf(request, facts, faults);
        double guidance = FamilyRules.ScaleOf(request, model, DefaultGuidanceScale);
        JsonObject? overrides = request.Scheduler ?? model.Defaults.Scheduler;
        int steps = request.Steps ?? model.Defaults.Steps ?? (fromImage ? DefaultImageSteps : DefaultSteps);
        var sampling = new SamplingOptions { Steps = steps, Mu = MuOf(model.Scheduler, overrides, width, height, DefaultMaxShift) };
        Scheduler? scheduler = FamilyRules.CreateScheduler(model.Scheduler, overrides, sampling, faults);
        double strength = request.Strength ?? DefaultStrength;
        // Unlike in the other families, the product is not truncated to an integer here.
        int first = fromImage && scheduler is not null
            ? FamilyRules.FirstOf(scheduler, steps, strength, Math.Min(steps * strength, steps), faults)
            : 0;
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
            Prompt = request.Prompt!,
            NegativePrompt = guided ? request.NegativePrompt ?? "" : null,
            IsGuided = guided,
            Prompt2 = request.Prompt2,
            NegativePrompt2 = guided ? request.NegativePrompt2 : null,
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
            Window = window,
            IsTiled = request.VaeTiling ?? (long)width * height > MaxUntiled,
        };
    }

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before)
    {
        ModelFacts facts = model.Facts;
        bool isInpaint = request.Request.Task == RequestTask.Inpaint;
        string? image = null;
        if (request.Images.InitImage is { } initImage)
        {
            image = plan.Add(
                "image",
                StageKind.VaeEncode,
                new VaeEncodeSettings
                {
                    Image = initImage.Id,
                    Mask = request.Images.Mask?.Id,
                    Width = request.Width,
                    Height = request.Height,
                    Scale = facts.Scale!.Value,
                    PaddingMaskCrop = request.Request.PaddingMaskCrop,
                    Masked = isInpaint,
                    Tiled = request.IsTiled,
                },
                [],
                model);
        }
        string encode = plan.AddTexts(request, model, (text, isNegative) => new TextPrompt
        {
            Text = text,
            Second = isNegative ? request.NegativePrompt2 : request.Prompt2,
            Third = isNegative ? request.Request.NegativePrompt3 : request.Request.Prompt3,
            ClipSkip = request.Request.ClipSkip ?? 0,
            Window = request.Window,
        });
        Dictionary<string, string> inputs = TextInputs(encode, request.IsGuided);
        if (image is not null)
        {
            inputs["image"] = image + ".image";
        }
        if (isInpaint)
        {
            inputs["mask"] = image + ".mask";
            inputs["masked-image"] = image + ".masked-image";
        }
        DenoiseSettings settings = Denoising(request, facts) with
        {
            Image = image is null ? null : new ImageSettings
            {
                Start = isInpaint && request.Strength >= 1 ? DenoiseStart.Noise : DenoiseStart.NoisedImage,
                Scaling = facts.Scaling,
            },
        };
        return AddDecode(plan, request, model, plan.Add("denoise", StageKind.Denoise, settings, inputs, model), withoutShift: isInpaint);
    }

    private static (int Width, int Height) SizeOf(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        int scale = model.Facts.Scale!.Value, multiple = model.Facts.PixelMultiple!.Value;
        int width = model.Defaults.Width ?? model.Facts.SampleSize * scale, height = model.Defaults.Height ?? model.Facts.SampleSize * scale;
        if (images.InitImage is { } image && request.PaddingMaskCrop is null)
        {
            (width, height) = FamilyRules.SizeFrom("init_image", image, multiple, request, faults);
        }
        return (request.Width ?? width, request.Height ?? height);
    }
}
