using System.Text.Json.Serialization;

namespace Brownian.Diffusion.Guidance;

/// <summary>The options of guidance other than its scale.</summary>
public sealed record GuidanceOptions
{
    /// <summary>Classifier-free guidance at every evaluation.</summary>
    public static GuidanceOptions None { get; } = new();

    /// <summary>How a guided prediction advances the sample.</summary>
    public GuidanceMethod Method { get; init; }

    /// <summary>
    /// The share of the run's evaluations before which there is no unconditional pass, 0..1 (Kynkäänniemi et al. 2024, arXiv 2404.07724).
    /// </summary>
    public double Start { get; init; }

    /// <summary>The share of the run's evaluations from which there is no unconditional pass, 0..1.</summary>
    public double End { get; init; } = 1;

    /// <summary>
    /// The guidance scale away from the prediction of a graph with perturbed self-attention, 0 and above; 0 for none (Ahn et al. 2024, arXiv
    /// 2403.17377).
    /// </summary>
    public double PerturbedScale { get; init; }

    /// <summary>
    /// Whether the unconditional prediction is fitted first (<see cref="ClassifierFreeGuidance.Fit"/>). Not serialized when false, so that workers of
    /// version 0.1 can read such settings.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ZeroStar { get; init; }

    /// <summary>Returns whether there is an unconditional pass at an evaluation.</summary>
    /// <param name="evaluation">The evaluation, from 0.</param>
    /// <param name="evaluations">The number of evaluations of the run.</param>
    public bool IsActiveAt(int evaluation, int evaluations) => evaluation >= Start * evaluations && (End >= 1 || evaluation < End * evaluations);
}
