using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// Flux.1 of Black Forest Labs, implemented as the reference's <c>pipeline_flux.py</c>: T5's tokens and CLIP's pooled embedding, a transformer of
/// packed latents that may be guidance-distilled, and flow matching.
/// </summary>
internal sealed class Flux : FlowFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = "flux";

    /// <summary>The reference pipeline's defaults.</summary>
    private const int DefaultSteps = 28;
    private const double DefaultGuidanceScale = 3.5;
    private const double DefaultTrueCfgScale = 1;
    private const int DefaultWindow = 512;
    private const double DefaultMaxShift = 1.15;
    private const int DefaultSampleSize = 128;

    private static readonly string[] Fields =
    [
        "prompt", "negative_prompt", "prompt_2", "negative_prompt_2", "max_sequence_length", "true_cfg_scale", "width", "height", "steps",
        "scheduler", "vae_tiling", .. FamilyRules.GuidanceFields,
    ];

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <summary>Returns whether a folder with a transformer contains a Flux model, by its configuration or by its pipeline class.</summary>
    public static bool IsFlux(ModelFolder model, GraphFile transformer) =>
        transformer.Config?["_class_name"] is JsonValue name && name.TryGetValue(out string? text)
            ? text!.StartsWith("Flux", StringComparison.Ordinal)
            : model.PipelineClass.Contains("Flux", StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) =>
        model.Graphs.TryGetValue("transformer", out GraphFile? transformer) && IsFlux(model, transformer);

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => "Flux";

    /// <inheritdoc/>
    public override IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary =>
        [(NameFor(new ModelFacts { Family = FamilyKey }), FamilyRules.AllOf(Fields))];

    /// <inheritdoc/>
    public override void Require(ModelFolder model)
    {
        foreach (string part in (string[])["transformer", "vae_decoder", "text_encoder", "text_encoder_2"])
        {
            model.Require(part);
        }
        model.RequireFolder("tokenizer");
        model.RequireFolder("tokenizer_2");
        model.RequireScheduler("scheduler");
        Read(model);
    }

    /// <inheritdoc/>
    public override ModelFacts Read(ModelFolder model)
    {
        GraphFile transformer = model.Require("transformer");
        return ReadShared(model) with
        {
            Family = FamilyKey,
            SampleSize = transformer.Integer("sample_size") ?? DefaultSampleSize,
            InputChannels = transformer.Integer("in_channels") / 4,
            EmbedsGuidance = transformer.Config?["guidance_embeds"] is JsonValue embeds && embeds.TryGetValue(out bool isTrue) && isTrue,
            Text = new TextFacts(["text_encoder"], "text_encoder_2", TextJoin.T5WithPooledClip, DefaultWindow, DefaultWindow),
        };
    }

    /// <inheritdoc/>
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        IReadOnlyList<string> known = FamilyRules.CheckFields(request, NameFor(facts), [RequestTask.TextToImage], Fields, faults);
        FamilyRules.CheckPrompt(request, faults);
        int usual = facts.SampleSize * facts.Scale!.Value;
        int width = request.Width ?? model.Defaults.Width ?? usual, height = request.Height ?? model.Defaults.Height ?? usual;
        CheckSize(width, height, facts, faults);
        int window = WindowOf(request, facts, faults);
        JsonObject? overrides = request.Scheduler ?? model.Defaults.Scheduler;
        int steps = request.Steps ?? model.Defaults.Steps ?? DefaultSteps;
        // NumPy's linspace: start + i * step, and the end itself.
        double last = 1.0 / steps, step = (last - 1) / Math.Max(steps - 1, 1);
        double[] sigmas = [.. Enumerable.Range(0, steps).Select(i => i == steps - 1 && steps > 1 ? last : 1 + i * step)];
        var sampling = new SamplingOptions { Sigmas = sigmas, Mu = MuOf(model.Scheduler, overrides, width, height, DefaultMaxShift) };
        if (overrides?["use_flow_sigmas"]?.GetValue<bool>() == true)
        {
            sampling = sampling with { Sigmas = null, Steps = steps };
        }
        Scheduler? scheduler = FamilyRules.CreateScheduler(model.Scheduler, overrides, sampling, faults);
        FamilyRules.CheckPreviews(request, scheduler?.Timesteps.Length ?? 0, faults);
        double trueCfg = request.TrueCfgScale ?? DefaultTrueCfgScale;
        (bool isActive, GuidanceOptions options) = FamilyRules.GuidanceOf(request, trueCfg, scheduler, model, faults);
        bool guided = isActive && request.NegativePrompt is not null;
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
            NegativePrompt = guided ? request.NegativePrompt : null,
            IsGuided = guided,
            Prompt2 = request.Prompt2,
            NegativePrompt2 = guided ? request.NegativePrompt2 : null,
            Images = images,
            Width = width,
            Height = height,
            Seeds = FamilyRules.SeedsOf(request),
            GuidanceScale = request.GuidanceScale ?? model.Defaults.GuidanceScale ?? DefaultGuidanceScale,
            TrueCfgScale = trueCfg,
            GuidanceRescale = request.GuidanceRescale ?? 0,
            Guidance = options,
            Scheduler = scheduler!.Config.ToJson(),
            SchedulerOverrides = overrides,
            Sampling = sampling,
            Window = window,
            IsTiled = request.VaeTiling ?? (long)width * height > MaxUntiled,
        };
    }

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before)
    {
        string encode = plan.AddTexts(request, model, (text, isNegative) => new TextPrompt
        {
            Text = text,
            Second = isNegative ? request.NegativePrompt2 : request.Prompt2,
            Window = request.Window,
        });
        DenoiseSettings settings = Denoising(request, model.Facts) with
        {
            GuidanceScale = request.TrueCfgScale ?? DefaultTrueCfgScale,
            GuidanceEmbedding = model.Facts.EmbedsGuidance ? request.GuidanceScale : null,
        };
        return AddDecode(plan, request, model, plan.Add("denoise", StageKind.Denoise, settings, TextInputs(encode, request.IsGuided), model));
    }
}
