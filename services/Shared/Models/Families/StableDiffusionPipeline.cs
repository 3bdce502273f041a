using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>
/// The reference's pipeline for a model and a task: its name, fields and defaults. It starts as the pipeline of Stable Diffusion 1.x and 2.x. Each
/// variant that covers the model replaces what differs.
/// </summary>
internal sealed record StableDiffusionPipeline
{
    /// <summary>The variants in the order in which they apply. A later variant overrides earlier ones.</summary>
    private static readonly StableDiffusionVariant[] All =
    [
        new InstructPix2Pix(), new StableDiffusionInpainting(), new LatentConsistency(), new StableDiffusionXl(), new StableDiffusionXlRefiner(),
        new PreviewDecoder(),
    ];

    /// <summary>Fields that every task supports.</summary>
    private static readonly string[] OwnFields =
    [
        "prompt", "negative_prompt", "prompt_syntax", "long_prompt", "clip_skip", "width", "height", "steps", "timesteps", "scheduler", "eta",
        "original_inference_steps", "subseed", "subseed_strength", "interpolate", "hires", "vae_tiling",
        .. RequestSchema.NamesIn(FieldGroup.Adapters), .. RequestSchema.NamesIn(FieldGroup.ControlNet), .. FamilyRules.GuidanceFields,
    ];

    private IReadOnlyList<StableDiffusionVariant> Variants { get; init; } = [];

    /// <summary>The task.</summary>
    public required string Task { get; init; }

    /// <summary>The fields that the pipeline supports in the task.</summary>
    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>The display name of the kind of models.</summary>
    public string Name { get; init; } = "Stable Diffusion 1.x/2.x";

    /// <summary>The tasks of the kind of models.</summary>
    public IReadOnlyList<string> Tasks { get; init; } =
        [RequestTask.TextToImage, RequestTask.ImageToImage, RequestTask.Inpaint, RequestTask.Preview];

    /// <summary>The default number of steps.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>The default guidance scale.</summary>
    public double GuidanceScale { get; init; } = 7.5;

    /// <summary>The default strength; null when the run does not start from an image.</summary>
    public double? Strength { get; init; }

    /// <summary>Whether guidance can be rescaled.</summary>
    public bool RescalesGuidance { get; init; }

    /// <summary>Whether the guidance scale is an input of the denoiser, so that there is no unconditional pass.</summary>
    public bool EmbedsGuidance { get; init; }

    /// <summary>Whether several prompts can guide one run (AND).</summary>
    public bool ComposesPrompts { get; init; } = true;

    /// <summary>Returns the pipeline for a model and a task.</summary>
    public static StableDiffusionPipeline Of(ModelFacts facts, string task)
    {
        StableDiffusionVariant[] variants = [.. All.Where(variant => variant.Covers(facts))];
        return variants.Aggregate(For(task) with { Variants = variants }, (pipeline, variant) => variant.Adjust(pipeline));
    }

    /// <summary>Returns the display name of a model's kind.</summary>
    public static string NameOf(ModelFacts facts) => Of(facts, RequestTask.TextToImage).Name;

    /// <inheritdoc cref="StableDiffusionVariant.CheckTask"/>
    public void CheckTask(GenerationRequest request, List<FieldFault> faults)
    {
        foreach (StableDiffusionVariant variant in Variants)
        {
            variant.CheckTask(request, Name, faults);
        }
    }

    /// <inheritdoc cref="StableDiffusionVariant.RunOf"/>
    public (SamplingOptions Sampling, double? Strength) RunOf(SamplingOptions sampling, double? strength) =>
        Variants.Aggregate((sampling, strength), (run, variant) => variant.RunOf(run.sampling, run.strength));

    /// <inheritdoc cref="StableDiffusionVariant.Complete(ResolvedRequest, ModelFacts)"/>
    public ResolvedRequest Complete(ResolvedRequest resolved, ModelFacts facts) =>
        Variants.Aggregate(resolved, (completed, variant) => variant.Complete(completed, facts));

    /// <inheritdoc cref="StableDiffusionVariant.TakesWholeImage"/>
    public bool TakesWholeImage(ResolvedRequest request) => Variants.All(variant => variant.TakesWholeImage(request));

    /// <inheritdoc cref="StableDiffusionVariant.Complete(ImageSettings, ResolvedRequest)"/>
    public ImageSettings Complete(ImageSettings image, ResolvedRequest request) =>
        Variants.Aggregate(image, (completed, variant) => variant.Complete(completed, request));

    /// <inheritdoc cref="StableDiffusionVariant.Complete(DenoiseSettings, ResolvedRequest)"/>
    public DenoiseSettings Complete(DenoiseSettings settings, ResolvedRequest request) =>
        Variants.Aggregate(settings, (completed, variant) => variant.Complete(completed, request));

    /// <summary>Returns the pipeline of Stable Diffusion 1.x and 2.x.</summary>
    private static StableDiffusionPipeline For(string task) => task switch
    {
        RequestTask.ImageToImage => new() { Task = task, Fields = [.. OwnFields, "init_image", "strength", "init_latents"], Strength = 0.8 },
        RequestTask.Inpaint => new() { Task = task, Fields = [.. OwnFields, "init_image", "strength", "mask", "padding_mask_crop"], Strength = 1 },
        _ => new() { Task = task, Fields = OwnFields, RescalesGuidance = true },
    };
}
