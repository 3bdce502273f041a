using System.Diagnostics.CodeAnalysis;
using Brownian.Formats.Tensors;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>One denoising run of one image: its settings, and the tensors that it is given.</summary>
public sealed record DenoiseTask : DenoiseRunSettings
{
    /// <summary>A task that an initializer fills in.</summary>
    public DenoiseTask()
    {
    }

    /// <summary>A task with the settings of a run.</summary>
    /// <param name="settings">Copied.</param>
    [SetsRequiredMembers]
    public DenoiseTask(DenoiseRunSettings settings)
        : base(settings)
    {
    }

    /// <summary>[1, tokens, width], of the prompt; null for models that know no prompt.</summary>
    public Tensor? Embedding { get; init; }

    /// <summary>The same of the negative prompt; null without guidance.</summary>
    public Tensor? NegativeEmbedding { get; init; }

    /// <summary>What the graph takes beside the usual inputs, one of each that it has.</summary>
    public IReadOnlyList<GraphCondition> ExtraInputs { get; init; } = [];

    /// <summary>The image's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The seed of a noise that the first one is moved towards; null for none.</summary>
    public ulong? Subseed { get; init; }

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

    /// <summary>For models that take pooled embeddings, alone or with sizes.</summary>
    public PooledCondition? Pooled { get; init; }

    /// <summary>
    /// The prompts that guide the run together or change during it, instead of <see cref="Embedding"/>, of whose shape they are; empty for that
    /// alone.
    /// </summary>
    public IReadOnlyList<PromptCondition> Prompts { get; init; } = [];

    /// <summary>The negative prompt where it changes during the run, instead of <see cref="NegativeEmbedding"/>; null for that.</summary>
    public PromptCondition? Negative { get; init; }

    /// <summary>An image that the run begins at or is guided by.</summary>
    public ImageCondition? Image { get; init; }

    /// <summary>ControlNets and what they are shown; what they say is added up. For models that take it.</summary>
    public IReadOnlyList<ControlCondition> Controls { get; init; } = [];

}
