using System.Text.Json.Serialization;

namespace Brownian.Diffusion.Guidance;

/// <summary>What guidance does beside its scale.</summary>
public sealed record GuidanceOptions
{
    /// <summary>Classifier-free guidance at every evaluation.</summary>
    public static GuidanceOptions None { get; } = new();

    /// <summary>How a guided prediction moves the sample on.</summary>
    public GuidanceMethod Method { get; init; }

    /// <summary>
    /// The share of the run's evaluations before which there is no pass without the prompt, 0..1 (Kynkäänniemi et al. 2024, arXiv 2404.07724).
    /// </summary>
    public double Start { get; init; }

    /// <summary>The share from which there is none again, 0..1.</summary>
    public double End { get; init; } = 1;

    /// <summary>
    /// How far to go from the prediction of a graph with perturbed self-attention, 0 and above; 0 for none (Ahn et al. 2024, arXiv 2403.17377).
    /// </summary>
    public double PerturbedScale { get; init; }

    /// <summary>
    /// Whether the prediction without the prompt is fitted first (<see cref="ClassifierFreeGuidance.Fit"/>). Not written where it is not, so that
    /// workers of version 0.1 read such settings.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ZeroStar { get; init; }

    /// <summary>Whether there is a pass without the prompt at an evaluation.</summary>
    /// <param name="evaluation">From 0.</param>
    /// <param name="evaluations">How many the run has.</param>
    public bool IsActiveAt(int evaluation, int evaluations) => evaluation >= Start * evaluations && (End >= 1 || evaluation < End * evaluations);
}
