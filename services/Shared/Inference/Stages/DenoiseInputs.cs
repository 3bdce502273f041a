using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;

namespace Brownian.Inference.Stages;

/// <summary>What a denoising run is given by earlier stages.</summary>
public sealed record DenoiseInputs
{
    /// <summary>[1, tokens, width], of the prompt; null for models that know no prompt.</summary>
    public Tensor? Embedding { get; init; }

    /// <summary>The same of the negative prompt; null without guidance.</summary>
    public Tensor? Negative { get; init; }

    /// <summary>[1, width], of the prompt.</summary>
    public Tensor? Pooled { get; init; }

    /// <summary>The same of the negative prompt.</summary>
    public Tensor? NegativePooled { get; init; }

    /// <summary>The embeddings and pooled embeddings of prompts that guide together or change, by the names of their inputs.</summary>
    public IReadOnlyDictionary<string, Tensor> Texts { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>As of <see cref="DenoiseTask.StartLatents"/>.</summary>
    public Tensor? Latents { get; init; }

    /// <summary>As of <see cref="DenoiseTask.GeneratorState"/>.</summary>
    public ReadOnlyMemory<byte> Generator { get; init; }

    /// <summary>As of <see cref="ImageCondition.Image"/>.</summary>
    public Tensor? Image { get; init; }

    /// <summary>As of <see cref="ImageCondition.Original"/>.</summary>
    public Tensor? Original { get; init; }

    /// <summary>As of <see cref="ImageCondition.MaskedImage"/>.</summary>
    public Tensor? MaskedImage { get; init; }

    /// <summary>As of <see cref="ImageCondition.Mask"/>.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>ExtraInputs inputs by their names in the stage.</summary>
    public IReadOnlyDictionary<string, Tensor> ExtraInputs { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>As of <see cref="DenoiseTask.Controls"/>.</summary>
    public IReadOnlyList<ControlCondition> Controls { get; init; } = [];
}
