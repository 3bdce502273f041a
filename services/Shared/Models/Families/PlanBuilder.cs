using Brownian.Models.Facts;
using Brownian.Models.Plans;

namespace Brownian.Models.Families;

/// <summary>Gathers the stages of a plan; those of a cascade's stage have names that begin with its own.</summary>
/// <param name="prefix">What names begin with.</param>
/// <param name="stages">Where stages go.</param>
public sealed class PlanBuilder(string prefix, List<PlanStage> stages)
{
    /// <summary>A builder for another stage of the same plan.</summary>
    public PlanBuilder Within(string name) => new(prefix + name + "-", stages);

    /// <summary>Adds a stage.</summary>
    /// <param name="name">Its name within this part of the plan.</param>
    /// <param name="kind">One of <see cref="StageKind"/>.</param>
    /// <param name="settings">What its runner reads.</param>
    /// <param name="inputs">As of <see cref="PlanStage.Inputs"/>.</param>
    /// <param name="model">The model whose graph it runs; null for none.</param>
    /// <returns>Its name in the plan.</returns>
    public string Add<T>(string name, string kind, T settings, Dictionary<string, string> inputs, ModelCard? model)
        where T : class
    {
        stages.Add(
            new PlanStage
            {
                Name = prefix + name,
                Kind = kind,
                Settings = StageSettings.Write(settings),
                Inputs = inputs,
                Model = model?.Name,
                Fingerprint = model?.Fingerprint
            });
        return prefix + name;
    }

    /// <summary>The settings of a denoise stage that every family takes from a request alike.</summary>
    /// <param name="request">Resolved.</param>
    /// <param name="shape">The latents' shape: channels, height, width.</param>
    public static DenoiseSettings Denoising(ResolvedRequest request, IReadOnlyList<int> shape) => new()
    {
        LatentShape = shape,
        GuidanceScale = request.GuidanceScale,
        GuidanceRescale = request.GuidanceRescale,
        Guidance = request.Guidance,
        Scheduler = request.Scheduler,
        Sampling = request.Sampling,
        First = request.First,
        Tiling = request.Tiling,
        Seeds = request.Seeds,
        Noise = request.Request.Noise,
        NoiseDtype = request.Request.NoiseDtype,
        PreviewEvery = request.Request.Preview?.Every ?? 0,
        PreviewSize = request.Request.Preview?.Size,
    };

    /// <summary>Adds the stage that encodes a request's prompts.</summary>
    public string AddTexts(ResolvedRequest request, ModelCard model, Func<string, bool, TextPrompt> prompt)
    {
        var texts = new Dictionary<string, TextPrompt> { ["prompt"] = prompt(request.Prompt, false) };
        if (request.NegativePrompt is { } negative)
        {
            texts["negative"] = prompt(negative, true);
        }
        return Add("encode", StageKind.TextEncode, new TextEncodeSettings { Texts = texts }, [], model);
    }
}
