using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// Stable Diffusion 1.x, 2.x and XL, LCM, their inpainting models and instruct-pix2pix, implemented as the reference's pipelines of those names: CLIP
/// text encoders, a UNet conditioned on their embeddings, and a VAE. Each kind is a <see cref="StableDiffusionVariant"/>.
/// </summary>
public sealed class StableDiffusion : ModelFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = ModelFacts.DefaultFamily;

    private const int LatentChannels = 4;

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) => model.Graphs.ContainsKey("unet");

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => StableDiffusionPipeline.NameOf(facts);

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
            return kinds.Select(facts => (NameFor(facts), FieldsOf(facts)));
        }
    }

    /// <summary>Returns the fields that a kind of model supports, for all of its tasks together.</summary>
    private static IReadOnlyList<string> FieldsOf(ModelFacts facts) =>
    [
        .. StableDiffusionPipeline.Of(facts, RequestTask.TextToImage).Tasks
            .SelectMany(task => task == RequestTask.Preview
                ? StableDiffusionPreview.Fields
                : FamilyRules.AllOf(StableDiffusionPipeline.Of(facts, task).Fields))
            .Distinct(),
    ];

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
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults) =>
        StableDiffusionResolver.Resolve(request, images, model, faults);

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before) =>
        StableDiffusionPlan.Add(plan, request, [model]);
}
