using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>Every family, and the resolution of requests and plans for their models, alone or in a cascade.</summary>
public static class ModelFamilies
{
    /// <summary>The prefix of the names of a cascade's stages.</summary>
    private const string StageName = "stage-";

    private static readonly string[] OfFirstEncoders = ["prompt_2", "negative_prompt_2", "prompt_3", "negative_prompt_3", "max_sequence_length"];

    private static readonly ModelFamily[] All =
        [new ImageUpscaler(), new Unclip(), new StableDiffusion3(), new Flux(), new DeepFloyd(), new LatentUpscaler(), new StableDiffusion()];

    /// <summary>The fields that requests to each kind of model may set, for all tasks together.</summary>
    public static IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary => All.Reverse().SelectMany(family => family.Vocabulary);

    /// <summary>Checks that a folder contains a model of a supported family.</summary>
    /// <exception cref="ModelException">The folder does not contain such a model. The message states what it contains.</exception>
    public static void Require(ModelFolder model) => Of(model).Require(model);

    /// <summary>Reads the facts that a folder's files state. Loads no graph.</summary>
    /// <exception cref="ModelException">A file is damaged.</exception>
    public static ModelFacts Read(ModelFolder model) => Of(model).Read(model);

    /// <summary>Returns the card of a model folder.</summary>
    /// <param name="model">The folder, of a supported family.</param>
    /// <param name="facts">The facts that are known so far.</param>
    /// <param name="fingerprint">The model's fingerprint, when it is needed.</param>
    /// <exception cref="ModelException">The folder contains no model of a supported family.</exception>
    public static ModelCard CardOf(ModelFolder model, ModelFacts facts, string fingerprint = "")
    {
        Require(model);
        return new ModelCard
        {
            Name = model.Name,
            Family = NameOf(facts),
            Fingerprint = fingerprint,
            Facts = facts,
            Scheduler = facts.Scheduler ?? model.Scheduler ?? [],
            Defaults = model.Manifest.Defaults,
            Title = model.Manifest.Title,
            Description = model.Manifest.Description,
            License = model.Manifest.License,
            CheckpointSha256 = model.Manifest.CheckpointSha256,
            Examples = model.Manifest.Examples,
        };
    }

    /// <summary>Returns the display name of a model's kind.</summary>
    public static string NameOf(ModelFacts facts) => Of(facts).NameFor(facts);

    /// <summary>
    /// Returns whether a model enlarges images (<see cref="RequestTask.Upscale"/>), so that it can follow another model in a cascade.
    /// </summary>
    public static bool Upscales(ModelFacts facts) => Of(facts).Upscales(facts);

    /// <summary>
    /// Returns whether a model supports prompts in AUTOMATIC1111's syntax and prompts beyond its window (<c>prompt_syntax</c>, <c>long_prompt</c>).
    /// </summary>
    public static bool ReadsPromptSyntax(ModelFacts facts) => Of(facts) is StableDiffusion;

    /// <summary>Resolves a request for its models: fills in every default and checks every field.</summary>
    /// <param name="request">A request read by <see cref="RequestReader"/>.</param>
    /// <param name="images">The images that the request names.</param>
    /// <param name="models">
    /// The models of <see cref="GenerationRequest.ModelNames"/>. Sizes are checked as far as the models' facts are known.
    /// </param>
    /// <exception cref="FieldFaultException">The request has faults; the exception contains all of them.</exception>
    public static ResolvedRequest Resolve(GenerationRequest request, RequestImages images, IReadOnlyList<ModelCard> models)
    {
        var faults = new List<FieldFault>();
        ResolvedRequest? resolved = request.CascadeStages.Count == 0
            ? ResolveOne(request, images, models, faults)
            : ResolveCascade(request, images, models, faults);
        if (faults.Count == 0 && resolved is not null)
        {
            CheckSettings(resolved, faults);
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        // Null without a fault only when the images could not be read, which is a fault already.
        return resolved is null ? null! : resolved with { Warnings = RequestWarnings.Of(request, resolved, models) };
    }

    /// <summary>Resolves a request without images for one model.</summary>
    public static ResolvedRequest Resolve(GenerationRequest request, ModelCard model) => Resolve(request, RequestImages.None, [model]);

    /// <summary>Returns the plan of a request.</summary>
    /// <param name="request">The request, resolved for the models.</param>
    /// <param name="models">The models, with complete facts.</param>
    public static Plan Plan(ResolvedRequest request, IReadOnlyList<ModelCard> models)
    {
        var stages = new List<PlanStage>();
        var plan = new PlanBuilder("", stages);
        string pixels;
        if (request.CascadeStages.Count == 0)
        {
            pixels = request.Refiner is null
                ? Of(models[0].Facts).Add(plan, request, models[0], null)
                : StableDiffusionPlan.Add(plan, request, models);
        }
        else
        {
            pixels = Of(models[0].Facts).Add(plan.Within(StageName + "1"), request, models[0], null);
            for (int i = 0; i < request.CascadeStages.Count; i++)
            {
                pixels = Of(models[i + 1].Facts).Add(plan.Within(Name(i + 1)), request.CascadeStages[i], models[i + 1], pixels);
            }
        }
        var write = new WriteSettings
        {
            Output = request.Request.Output,
            Parameters = request.IsGenerated ? Infotext.Template(request) : new InfotextTemplate("", ""),
            Seeds = request.Seeds,
            Overlay = request.Request.PaddingMaskCrop is { } padding
                ? new OverlaySettings
                {
                    Image = request.Images.InitImage!.Id,
                    Mask = request.Images.Mask!.Id,
                    Width = request.Width,
                    Height = request.Height,
                    PaddingMaskCrop = padding
                }
                : null,
        };
        plan.Add("write", StageKind.Write, write, new() { ["pixels"] = pixels }, null);
        return new Plan { Stages = stages };
    }

    /// <summary>Rejects file formats that cannot store the settings text.</summary>
    private static void CheckSettings(ResolvedRequest request, List<FieldFault> faults)
    {
        OutputSettings output = request.Request.Output;
        // A request with <c>stop_after</c> writes no images.
        if (!output.Metadata || !request.IsGenerated || request.Request.StopAfter is not null)
        {
            return;
        }
        string settings = Infotext.Template(request).For(request.Seeds.Max());
        if (!ImageFormats.Holds(output.Format, settings, out string held))
        {
            string format = output.Format.ToString().ToLowerInvariant();
            faults.Add(FieldFault.Of("output.format", format, string.Create(
                CultureInfo.InvariantCulture,
                $"png or webp, or {format} with output.metadata false: a {format} file can contain {held}, and these settings take "
                    + $"{Encoding.UTF8.GetByteCount(settings)}")));
        }
    }

    private static string Name(int stage) => string.Create(CultureInfo.InvariantCulture, $"{StageName}{stage + 1}");

    private static ModelFamily Of(ModelFolder model) => All.First(family => family.Holds(model) || family is StableDiffusion);

    private static ModelFamily Of(ModelFacts facts) => All.First(family => family.Key == facts.Family);

    private static ResolvedRequest? ResolveOne(
        GenerationRequest request, RequestImages images, IReadOnlyList<ModelCard> models, List<FieldFault> faults)
    {
        ResolvedRequest? resolved = ResolveStage(request, images, models[0], faults);
        return request.Refiner is not null && models.Count > 1 ? StableDiffusionRefinerPass.Resolve(request, resolved, models, faults) : resolved;
    }

    private static ResolvedRequest? ResolveStage(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults) =>
        Of(model.Facts).Resolve(request, images, model, faults) is { } resolved
            ? resolved with { CheckpointSha256 = model.CheckpointSha256 } : null;

    private static ResolvedRequest? ResolveCascade(
        GenerationRequest request, RequestImages images, IReadOnlyList<ModelCard> models, List<FieldFault> faults)
    {
        // Fields that no stage supports are reported once, for the first stage.
        var further = new List<ResolvedRequest>();
        ResolvedRequest? first = ResolveNext(0, request with { StopAfter = null }, images);
        ResolvedRequest? before = first;
        for (int i = 0; i < request.CascadeStages.Count; i++)
        {
            ModelCard model = models[i + 1];
            string field = string.Create(CultureInfo.InvariantCulture, $"model[{i + 1}]");
            if (!Upscales(model.Facts))
            {
                faults.Add(
                    new FieldFault(
                        field,
                        $"{model.Name} is {NameOf(model.Facts)}, which does not upscale images; allowed after "
                            + $"a first stage: super-resolution models"));
                before = null;
            }
            if (before is null)
            {
                continue;
            }
            ulong offset = (ulong)request.CascadeStages[i].SeedOffset;
            // Texts for encoders that only the first stage has are passed to the first stage alone.
            GenerationRequest stage = request.CascadeStages[i] with
            {
                SetFields = [.. request.CascadeStages[i].SetFields.Except(OfFirstEncoders)],
                Seeds = [.. first!.Seeds.Select(seed => unchecked(seed + offset))]
            };
            // A later stage of the same family also receives the original image and mask of the request.
            bool isAlike = model.Facts.Family == models[0].Facts.Family && !Upscales(models[0].Facts);
            var stageInput = new RequestImages
            {
                InitImage = new RequestImage("", before.FinalWidth, before.FinalHeight),
                Original = isAlike ? images.InitImage : null,
                OriginalMask = isAlike ? images.Mask : null,
            };
            before = ResolveNext(i + 1, stage, stageInput);
            if (before is not null)
            {
                further.Add(before);
            }
        }
        if (Upscales(models[0].Facts) && request.Task != RequestTask.Upscale)
        {
            faults.Add(
                new FieldFault(
                    "model[0]",
                    $"{models[0].Name} is {NameOf(models[0].Facts)}, which upscales an image; the first stage of a cascade generates one"));
        }
        return faults.Count > 0 ? null : first! with { Request = request, CascadeStages = further };

        ResolvedRequest? ResolveNext(int index, GenerationRequest stage, RequestImages stageInput)
        {
            var own = new List<FieldFault>();
            ResolvedRequest? resolved = ResolveStage(stage, stageInput, models[index], own);
            faults.AddRange(own.Select(fault => RequestSchema.Is(fault.Field, FieldScope.Stage)
                ? new FieldFault(string.Create(CultureInfo.InvariantCulture, $"stage_{index + 1}.{fault.Field}"), fault.Message)
                : fault));
            return resolved;
        }
    }
}
