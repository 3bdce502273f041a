using Brownian.Models.Facts;
using Brownian.Models.Plans;

namespace Brownian.Models.Families;

/// <summary>Collects the stages of a plan. The stages of a cascade's stage have its name as a prefix.</summary>
/// <param name="prefix">The prefix of the names.</param>
/// <param name="stages">Receives the stages.</param>
public sealed class PlanBuilder(string prefix, List<PlanStage> stages)
{
    /// <summary>Returns a builder for another stage of the same plan.</summary>
    public PlanBuilder Within(string name) => new(prefix + name + "-", stages);

    /// <summary>Adds a stage.</summary>
    /// <param name="name">The stage's name within this part of the plan.</param>
    /// <param name="kind">One of <see cref="StageKind"/>.</param>
    /// <param name="settings">The settings that the stage's runner reads.</param>
    /// <param name="inputs">See <see cref="PlanStage.Inputs"/>.</param>
    /// <param name="model">The model whose graph the stage runs; null for none.</param>
    /// <returns>The stage's name in the plan.</returns>
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

    /// <summary>Returns the settings of a denoise stage that all families derive from a request in the same way.</summary>
    /// <param name="request">The resolved request.</param>
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
