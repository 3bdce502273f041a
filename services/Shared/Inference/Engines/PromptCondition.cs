using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>A prompt of a run that is guided by several, or by changing ones.</summary>
/// <param name="Weight">How much of it: the guidance is <c>none + scale * sum of weight * (prompt - none)</c> (Liu et al. 2022, composable
/// diffusion).</param>
/// <param name="Steps">Embeddings [1, tokens, width], each with its pooled one where the model takes it, and the last step it is used in, from 1,
/// rising.</param>
public sealed record PromptCondition(double Weight, IReadOnlyList<(int LastStep, Tensor Embedding, Tensor? Pooled)> Steps)
{
    /// <summary>What is used in a step.</summary>
    /// <param name="step">From 1.</param>
    internal (Tensor Embedding, Tensor? Pooled) At(int step)
    {
        foreach ((int last, Tensor embedding, Tensor? pooled) in Steps)
        {
            if (step <= last)
            {
                return (embedding, pooled);
            }
        }
        return (Steps[^1].Embedding, Steps[^1].Pooled);
    }
}
