using System.Diagnostics.CodeAnalysis;
using Brownian.Formats.Tensors;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>One denoising run of one image: its settings and its input tensors.</summary>
public sealed record DenoiseTask : DenoiseRunSettings
{
    /// <summary>Creates a task whose properties are set by an initializer.</summary>
    public DenoiseTask()
    {
    }

    /// <summary>Creates a task with the settings of a run.</summary>
    /// <param name="settings">The settings, which are copied.</param>
    [SetsRequiredMembers]
    public DenoiseTask(DenoiseRunSettings settings)
        : base(settings)
    {
    }

    /// <summary>The prompt's embedding of [1, tokens, width]; null for models without a prompt.</summary>
    public Tensor? Embedding { get; init; }

    /// <summary>The negative prompt's embedding of [1, tokens, width]; null without guidance.</summary>
    public Tensor? NegativeEmbedding { get; init; }

    /// <summary>The further inputs of the graph, one value for each.</summary>
    public IReadOnlyList<GraphCondition> ExtraInputs { get; init; } = [];

    /// <summary>The image's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The seed of a noise that the initial noise is moved towards; null for none.</summary>
    public ulong? Subseed { get; init; }

    /// <summary>
    /// The sample that the run starts from, of [1, channels, height, width], already at the scheduler's first noise level; no noise is drawn for it.
    /// Null to start from the generator's noise times the scheduler's initial sigma. Copied when the run starts.
    /// </summary>
    public Tensor? StartLatents { get; init; }

    /// <summary>
    /// The state of a generator of the same kind at the end of an earlier run (<see cref="DenoiseResult.GeneratorState"/>), from which this run
    /// continues drawing. Empty for a new generator from <see cref="Seed"/>. The seed is required in both cases: schedulers that follow a Brownian
    /// path derive it from the seed, and a Philox generator's state is valid for one seed only.
    /// </summary>
    public ReadOnlyMemory<byte> GeneratorState { get; init; }

    /// <summary>The pooled embeddings, alone or with sizes, for models with these inputs.</summary>
    public PooledCondition? Pooled { get; init; }

    /// <summary>
    /// The prompts that guide the run together or change during it. They replace <see cref="Embedding"/> and have its shape; empty to use it alone.
    /// </summary>
    public IReadOnlyList<PromptCondition> Prompts { get; init; } = [];

    /// <summary>The negative prompt when it changes during the run. It replaces <see cref="NegativeEmbedding"/>; null to use that.</summary>
    public PromptCondition? Negative { get; init; }

    /// <summary>An image that the run starts from or is guided by.</summary>
    public ImageCondition? Image { get; init; }

    /// <summary>The ControlNets and their control images. Their residuals are added up. Only for models that support ControlNets.</summary>
    public IReadOnlyList<ControlCondition> Controls { get; init; } = [];

}
