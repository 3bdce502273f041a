using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>One of several prompts that guide a run, or a prompt that changes during it.</summary>
/// <param name="Weight">
/// The weight of the prompt: the guidance is <c>none + scale * sum of weight * (prompt - none)</c> (Liu et al. 2022, composable diffusion).
/// </param>
/// <param name="Steps">
/// The embeddings of [1, tokens, width], each with its pooled embedding when the model takes one, and the last step that uses it, from 1, ascending.
/// </param>
public sealed record PromptCondition(double Weight, IReadOnlyList<(int LastStep, Tensor Embedding, Tensor? Pooled)> Steps)
{
    /// <summary>Returns the embeddings of a step.</summary>
    /// <param name="step">The step, from 1.</param>
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
