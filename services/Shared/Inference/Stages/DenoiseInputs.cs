using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;

namespace Brownian.Inference.Stages;

/// <summary>The inputs of a denoising run from earlier stages.</summary>
public sealed record DenoiseInputs
{
    /// <summary>The prompt's embedding of [1, tokens, width]; null for models without a prompt.</summary>
    public Tensor? Embedding { get; init; }

    /// <summary>The negative prompt's embedding of [1, tokens, width]; null without guidance.</summary>
    public Tensor? Negative { get; init; }

    /// <summary>The prompt's pooled embedding of [1, width].</summary>
    public Tensor? Pooled { get; init; }

    /// <summary>The negative prompt's pooled embedding of [1, width].</summary>
    public Tensor? NegativePooled { get; init; }

    /// <summary>The embeddings and pooled embeddings of prompts that guide together or change, by the names of the stage's inputs.</summary>
    public IReadOnlyDictionary<string, Tensor> Texts { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>See <see cref="DenoiseTask.StartLatents"/>.</summary>
    public Tensor? Latents { get; init; }

    /// <summary>See <see cref="DenoiseTask.GeneratorState"/>.</summary>
    public ReadOnlyMemory<byte> Generator { get; init; }

    /// <summary>See <see cref="ImageCondition.Image"/>.</summary>
    public Tensor? Image { get; init; }

    /// <summary>See <see cref="ImageCondition.Original"/>.</summary>
    public Tensor? Original { get; init; }

    /// <summary>See <see cref="ImageCondition.MaskedImage"/>.</summary>
    public Tensor? MaskedImage { get; init; }

    /// <summary>See <see cref="ImageCondition.Mask"/>.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>Further inputs of the graph, by the names of the stage's inputs.</summary>
    public IReadOnlyDictionary<string, Tensor> ExtraInputs { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>See <see cref="DenoiseTask.Controls"/>.</summary>
    public IReadOnlyList<ControlCondition> Controls { get; init; } = [];
}
