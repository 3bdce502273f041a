using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Models.Plans;

/// <summary>
/// What a denoising run is asked for, beside its tensors: declared once, for plans (<see cref="DenoiseSettings"/>), for the denoisers' tasks and
/// for calls between services, all of which carry it as the same JSON. The order of the properties is that of the plans of version 0.1, whose
/// hashes stand in files that <c>stop_after</c> left.
/// </summary>
public record DenoiseRunSettings
{
    /// <summary>The latents' [channels, height, width].</summary>
    [JsonPropertyOrder(1)]
    public required IReadOnlyList<int> LatentShape { get; init; }

    /// <summary>How far to go from the unconditional output towards and beyond the conditional one, 0..100.</summary>
    [JsonPropertyOrder(1)]
    public double GuidanceScale { get; init; } = 1;

    /// <summary>0..1.</summary>
    [JsonPropertyOrder(1)]
    public double GuidanceRescale { get; init; }

    /// <summary>What guidance does beside its scale.</summary>
    [JsonPropertyOrder(1)]
    public GuidanceOptions Guidance { get; init; } = GuidanceOptions.None;

    /// <summary>A complete <c>scheduler_config.json</c> with <c>_class_name</c>.</summary>
    [JsonPropertyOrder(1)]
    public required JsonObject Scheduler { get; init; }

    /// <summary>The run that the scheduler is asked for.</summary>
    [JsonPropertyOrder(1)]
    public required SamplingOptions Sampling { get; init; }

    /// <summary>The first evaluation that is made: those before it belong to the image that the run begins at, or to an earlier model.</summary>
    [JsonPropertyOrder(3)]
    public int First { get; init; }

    /// <summary>The evaluation before which the run ends; null for its last.</summary>
    [JsonPropertyOrder(3)]
    public int? End { get; init; }

    /// <summary>
    /// For models that guidance is distilled into: the guidance scale (<c>guidance</c>), or the guidance scale less one where they take a vector
    /// (<c>timestep_cond</c>).
    /// </summary>
    [JsonPropertyOrder(5)]
    public double? GuidanceEmbedding { get; init; }

    /// <summary>How the latents are cut into windows; null for not at all. Not beside ControlNets and perturbed-attention guidance.</summary>
    [JsonPropertyOrder(7)]
    public DenoiseTiling? Tiling { get; init; }

    /// <summary>How far the noise is moved towards that of a subseed, 0..1.</summary>
    [JsonPropertyOrder(9)]
    public double SubseedStrength { get; init; }

    /// <summary>Which generator the seeds mean.</summary>
    [JsonPropertyOrder(9)]
    public NoiseKind Noise { get; init; }

    /// <summary>The element type that noise is drawn in.</summary>
    [JsonPropertyOrder(9)]
    public NoiseDtype NoiseDtype { get; init; }
}
