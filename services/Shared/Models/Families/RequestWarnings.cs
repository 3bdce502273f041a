using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Requests;
using Brownian.Requests.Prompts;

namespace Brownian.Models.Families;

/// <summary>Warnings about requests that are valid and whose images will probably disappoint, and about fields without effect.</summary>
internal static class RequestWarnings
{
    /// <summary>How many times as many pixels as the model is made for, or as few, give a warning.</summary>
    private const double FarArea = 2.5;

    /// <summary>How many times the model's own guidance scale gives a warning, and the least such scale.</summary>
    private const double FarGuidance = 3, LeastFarGuidance = 2;

    /// <summary>The number of letters of a prompt that a warning repeats.</summary>
    private const int MaxQuoted = 40;

    // Without backtracking, because prompts come from outside.
    private static readonly Regex Lora = new(@"<(lora|lyco|hypernet):[^<>]*>", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    private static readonly Regex Weighted = new(
        @"\([^()]*:\s*[0-9]*\.?[0-9]+\s*\)|\(\([^()]+\)\)|\[\[[^\[\]]+\]\]", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>Returns the warnings, one sentence each; empty for none.</summary>
    /// <param name="request">The request.</param>
    /// <param name="resolved">The request, resolved for the models.</param>
    /// <param name="models">The models; those after the first continue with its images.</param>
    public static IReadOnlyList<string> Of(GenerationRequest request, ResolvedRequest resolved, IReadOnlyList<ModelCard> models)
    {
        ModelCard model = models[0];
        return
        [
            .. ((string?[])
            [
                NegativePrompt(request, resolved, models), Size(request, resolved, model), Syntax(request, model),
                SchedulerFor(request, resolved, model), Guidance(request, resolved, model),
                request.Subseed is not null && request.SubseedStrength == 0 ? "subseed has no effect: subseed_strength is 0" : null,
            ]).OfType<string>(),
        ];
    }

    private static string? NegativePrompt(GenerationRequest request, ResolvedRequest resolved, IReadOnlyList<ModelCard> models)
    {
        bool isUsed = new[] { resolved, resolved.Refiner }.Concat(resolved.CascadeStages).Any(stage => stage?.NegativePrompt is not null);
        (string Field, string? Prompt)[] prompts =
            [("negative_prompt", request.NegativePrompt), ("negative_prompt_2", request.NegativePrompt2),
                ("negative_prompt_3", request.NegativePrompt3)];
        string[] given = [.. prompts.Where(prompt => !string.IsNullOrEmpty(prompt.Prompt)).Select(prompt => prompt.Field)];
        if (isUsed || given.Length == 0)
        {
            return null;
        }
        string why =
            resolved.TrueCfgScale is { } scale ? string.Create(
                CultureInfo.InvariantCulture, $"true_cfg_scale is {scale}; guidance requires a value above 1")
            : models[0].Facts.EmbedsGuidance ? $"the model {models[0].Name} is distilled and has no pass without the prompt"
            : string.Create(CultureInfo.InvariantCulture, $"guidance_scale is {resolved.GuidanceScale}; guidance requires a value above 1");
        return $"{string.Join(", ", given)} has no effect: {why}";
    }

    /// <summary>A size far from the one that the model learned: larger images repeat their subject, smaller ones lose it.</summary>
    private static string? Size(GenerationRequest request, ResolvedRequest resolved, ModelCard model)
    {
        ModelFacts facts = model.Facts;
        if ((request.Width ?? request.Height) is null || ModelFamilies.Upscales(facts) || facts is { Scale: null } or { SampleSize: 0 })
        {
            return null;
        }
        int side = facts.SampleSize * facts.Scale.Value, width = model.Defaults.Width ?? side, height = model.Defaults.Height ?? side;
        double share = (double)resolved.Width * resolved.Height / ((double)width * height);
        return share > FarArea ? Far("larger images often repeat their subject; hires (--hires) makes large images in two passes")
            : share < 1 / FarArea ? Far("smaller images are often unrecognisable")
            : null;

        string Far(string effect) => string.Create(
            CultureInfo.InvariantCulture,
            $"width and height: {resolved.Width}x{resolved.Height} is far from the {width}x{height} that {model.Name} is made for; {effect}");
    }

    /// <summary>AUTOMATIC1111's syntax in a prompt that is read as plain text, and its tags of LoRAs, which no syntax reads.</summary>
    private static string? Syntax(GenerationRequest request, ModelCard model)
    {
        bool readsWeights = request.PromptSyntax == PromptSyntax.A1111;
        foreach ((string field, string? prompt) in ((string, string?)[])[("prompt", request.Prompt), ("negative_prompt", request.NegativePrompt)])
        {
            if (prompt is null)
            {
                continue;
            }
            if (Lora.Match(prompt) is { Success: true } lora)
            {
                return $"{field}: \"{Quoted(lora.Value)}\" is read as text; a LoRA is given by loras (--lora NAME:WEIGHT)";
            }
            if (!readsWeights && Weighted.Match(prompt) is { Success: true } weighted)
            {
                string how = ModelFamilies.ReadsPromptSyntax(model.Facts)
                    ? "prompt_syntax a1111 (--prompt-syntax a1111) reads it as a weight"
                    : $"models such as {model.Name} take no weights";
                return $"{field}: \"{Quoted(weighted.Value)}\" is read as text; {how}";
            }
        }
        return null;
    }

    /// <summary>A scheduler that the request sets and that is for other models.</summary>
    private static string? SchedulerFor(GenerationRequest request, ResolvedRequest resolved, ModelCard model)
    {
        if (request.Scheduler is null || resolved.Scheduler["_class_name"] is not { } className
            || model.Scheduler["_class_name"]?.ToString() is not { } ownName)
        {
            return null;
        }
        SchedulerDescriptor chosen = SchedulerCatalog.Find(className.ToString()).Descriptor, own;
        try
        {
            own = SchedulerCatalog.Find(ownName).Descriptor;
        }
        catch (FieldFaultException)
        {
            return null;
        }
        bool usesFlow = resolved.Scheduler["use_flow_sigmas"] is JsonValue flow && flow.TryGetValue(out bool isFlow) && isFlow;
        SchedulerPurpose purpose = usesFlow ? SchedulerPurpose.Flow : chosen.Purpose;
        // Distilled models keep the schedule that they were trained with, and inversion starts from an image.
        SchedulerPurpose[] trained = [SchedulerPurpose.Diffusion, SchedulerPurpose.Distilled];
        bool isMeant = purpose == own.Purpose || trained.Contains(purpose) && trained.Contains(own.Purpose)
            || purpose == SchedulerPurpose.Inversion && request.InitImage is not null;
        return isMeant ? null
            : purpose == SchedulerPurpose.Inversion
            ? $"scheduler: {chosen.ClassName} turns an image into its noise; expect no image without init_image"
            : $"scheduler: {chosen.ClassName} is for {KindOf(purpose)}, which {model.Name} is not; expect noise. \"brownian schedulers list\" "
                + $"names those for {KindOf(own.Purpose)}";
    }

    /// <summary>A guidance scale far above the model's.</summary>
    private static string? Guidance(GenerationRequest request, ResolvedRequest resolved, ModelCard model) =>
        request.GuidanceScale is { } scale && model.Defaults.GuidanceScale is { } usual
            && scale > Math.Max(FarGuidance * usual, LeastFarGuidance) && resolved.Guidance?.Method is not GuidanceMethod.CfgPlusPlus
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"guidance_scale: {scale} is far above the {usual} that {model.Name} is used with; high values burn colours and edges")
            : null;

    private static string KindOf(SchedulerPurpose purpose) => purpose switch
    {
        SchedulerPurpose.Diffusion => "models that remove noise of a trained schedule",
        SchedulerPurpose.Flow => "models of rectified flows",
        SchedulerPurpose.FlowMap => "models of flow maps",
        SchedulerPurpose.Distilled => "models that were distilled to a few steps",
        SchedulerPurpose.Consistency => "consistency models",
        SchedulerPurpose.Edm => "models that are preconditioned by EDM",
        SchedulerPurpose.Score => "models of scores on growing variances",
        SchedulerPurpose.VDiffusion => "models with v-diffusion's own schedule",
        SchedulerPurpose.Unclip => "the stages of unCLIP",
        SchedulerPurpose.Inversion => "inversion",
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, null),
    };

    private static string Quoted(string text) => text.Length <= MaxQuoted ? text : text[..MaxQuoted] + "...";
}
