using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference.Requests;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>One denoising run of one picture.</summary>
public sealed record DenoiseTask
{
    /// <summary>The latents' [channels, height, width].</summary>
    public required IReadOnlyList<int> LatentShape { get; init; }

    /// <summary>[1, tokens, width], of the prompt; null for models that know no prompt.</summary>
    public Tensor? Embedding { get; init; }

    /// <summary>The same of the negative prompt; null without guidance.</summary>
    public Tensor? NegativeEmbedding { get; init; }

    /// <summary>What the graph takes beside the usual inputs, one of each that it has.</summary>
    public IReadOnlyList<GraphCondition> Further { get; init; } = [];

    /// <summary>How far to go from the unconditional output towards and beyond the conditional one.</summary>
    public double GuidanceScale { get; init; } = 1;

    /// <summary>0..1.</summary>
    public double GuidanceRescale { get; init; }

    /// <summary>What guidance does beside its scale.</summary>
    public GuidanceOptions Guidance { get; init; } = GuidanceOptions.None;

    /// <summary>A complete <c>scheduler_config.json</c> with <c>_class_name</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>The run that the scheduler is asked for.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>The picture's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The seed of a noise that the first one is moved towards; null for none.</summary>
    public ulong? Subseed { get; init; }

    /// <summary>How far, 0..1.</summary>
    public double SubseedStrength { get; init; }

    /// <summary>Which generator the seed means.</summary>
    public NoiseKind Noise { get; init; }

    /// <summary>The element type that noise is drawn in.</summary>
    public NoiseDtype NoiseDtype { get; init; }

    /// <summary>
    /// [1, channels, height, width]: the sample that the run begins from as it is, already at the scheduler's first noise level; no noise is
    /// drawn for it. Null for noise from the generator times the scheduler's initial sigma. Copied when the run begins.
    /// </summary>
    public Tensor? StartLatents { get; init; }

    /// <summary>
    /// What a generator of the same kind was at the end of an earlier run (<see cref="DenoiseResult.GeneratorState"/>): this run goes on
    /// drawing from there. Empty for a new generator from <see cref="Seed"/>. The seed must be given all the same: schedulers that follow a
    /// Brownian path take it from there, and a Philox generator's state belongs to one seed.
    /// </summary>
    public ReadOnlyMemory<byte> GeneratorState { get; init; }

    /// <summary>The evaluations before this one are left out: the run begins here.</summary>
    public int First { get; init; }

    /// <summary>The evaluations from this one on are left out; null for none.</summary>
    public int? End { get; init; }

    /// <summary>For models that take pooled embeddings, alone or with sizes.</summary>
    public PooledCondition? Pooled { get; init; }

    /// <summary>
    /// For models that guidance is distilled into: the guidance scale (<c>guidance</c>), or the guidance scale less one where they take a vector
    /// (<c>timestep_cond</c>).
    /// </summary>
    public double? GuidanceEmbedding { get; init; }

    /// <summary>The prompts that guide the run together or change during it, instead of <see cref="Embedding"/>, of whose shape they are; empty for that alone.</summary>
    public IReadOnlyList<PromptCondition> Prompts { get; init; } = [];

    /// <summary>The negative prompt where it changes during the run, instead of <see cref="NegativeEmbedding"/>; null for that.</summary>
    public PromptCondition? Negative { get; init; }

    /// <summary>A picture that the run begins at or is guided by.</summary>
    public ImageCondition? Image { get; init; }

    /// <summary>ControlNets and what they are shown; what they say is added up. For models that take it.</summary>
    public IReadOnlyList<ControlCondition> Controls { get; init; } = [];

    /// <summary>How the latents are cut into windows; null for not at all. Not beside <see cref="Controls"/> and perturbed-attention guidance.</summary>
    public DenoiseTiling? Tiling { get; init; }
}
