using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Models.Plans;

/// <summary>
/// The settings of a denoising run, without its tensors. They are declared once for plans (<see cref="DenoiseSettings"/>), for the denoisers' tasks
/// and for calls between services, which all carry them as the same JSON. The order of the properties is that of the plans of version 0.1, because
/// files written by <c>stop_after</c> contain hashes of those plans.
/// </summary>
public record DenoiseRunSettings
{
    /// <summary>The latents' [channels, height, width].</summary>
    [JsonPropertyOrder(1)]
    public required IReadOnlyList<int> LatentShape { get; init; }

    /// <summary>How far to extrapolate from the unconditional output towards and beyond the conditional one, 0..100.</summary>
    [JsonPropertyOrder(1)]
    public double GuidanceScale { get; init; } = 1;

    /// <summary>How far the guided output is rescaled to the deviation of the conditional one, 0..1.</summary>
    [JsonPropertyOrder(1)]
    public double GuidanceRescale { get; init; }

    /// <summary>The guidance options other than the scale.</summary>
    [JsonPropertyOrder(1)]
    public GuidanceOptions Guidance { get; init; } = GuidanceOptions.None;

    /// <summary>A complete <c>scheduler_config.json</c> with <c>_class_name</c>.</summary>
    [JsonPropertyOrder(1)]
    public required JsonObject Scheduler { get; init; }

    /// <summary>The scheduler's sampling options.</summary>
    [JsonPropertyOrder(1)]
    public required SamplingOptions Sampling { get; init; }

    /// <summary>The first evaluation that is run. Earlier ones are replaced by the run's starting image or were run by an earlier model.</summary>
    [JsonPropertyOrder(3)]
    public int First { get; init; }

    /// <summary>The evaluation before which the run ends; null to run to the last one.</summary>
    [JsonPropertyOrder(3)]
    public int? End { get; init; }

    /// <summary>
    /// The guidance input of guidance-distilled models: the guidance scale (<c>guidance</c>), or the guidance scale minus one for models that take a
    /// vector (<c>timestep_cond</c>).
    /// </summary>
    [JsonPropertyOrder(5)]
    public double? GuidanceEmbedding { get; init; }

    /// <summary>
    /// How the latents are cut into windows; null for no windows. Not supported together with ControlNets or perturbed-attention guidance.
    /// </summary>
    [JsonPropertyOrder(7)]
    public DenoiseTiling? Tiling { get; init; }

    /// <summary>How far the noise is moved towards the noise of a subseed, 0..1.</summary>
    [JsonPropertyOrder(9)]
    public double SubseedStrength { get; init; }

    /// <summary>The generator that the seeds are used with.</summary>
    [JsonPropertyOrder(9)]
    public NoiseKind Noise { get; init; }

    /// <summary>The element type of the drawn noise.</summary>
    [JsonPropertyOrder(9)]
    public NoiseDtype NoiseDtype { get; init; }
}
