using Brownian.Inference.Sessions;
using Brownian.Models.Plans;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>
/// The passes of a run's evaluation and their conditions. Each pass is a row of a batch: with guidance first the unconditional pass, then one per
/// prompt; with a guiding image the passes for the prompt, for the image and without both.
/// </summary>
/// <param name="run">The run.</param>
internal sealed class RunPasses(DenoiseRun run)
{
    private DenoiseTask Task => run.Task;

    /// <summary>The number of passes of the next evaluation.</summary>
    public int Count => Task.NegativeEmbedding is null || !Task.Guidance.IsActiveAt(run.Evaluation, run.Evaluations) ? 1
        : IsGuided ? 3 : 1 + Math.Max(1, Task.Prompts.Count);

    /// <summary>The index of the conditional pass.</summary>
    public int Prompt => IsGuided || Count == 1 ? 0 : 1;

    /// <summary>Whether an image guides the run.</summary>
    public bool IsGuided => Task.Image?.Role == ImageRole.Guide;

    /// <summary>Whether the prompts may change between evaluations.</summary>
    public bool Change => Task.Prompts.Count > 0 || Task.Negative is not null;

    /// <summary>The step of the next evaluation, from 1.</summary>
    private int Step => run.Evaluation / run.Scheduler.Order + 1;

    /// <summary>Writes the conditions of all passes.</summary>
    /// <param name="binding">The binding to write to.</param>
    /// <param name="row">The row of the first pass in the binding.</param>
    /// <param name="further">The graph's extra inputs.</param>
    public void CopyConditions(DenoiserBinding binding, int row, IReadOnlyList<GraphTensor> further)
    {
        for (int pass = 0; pass < Count; pass++)
        {
            CopyConditions(binding, row + pass, pass, further);
        }
    }

    /// <summary>Writes the conditions of a pass.</summary>
    /// <param name="binding">The binding to write to.</param>
    /// <param name="row">The row of the pass in the binding.</param>
    /// <param name="pass">The pass.</param>
    /// <param name="further">The graph's extra inputs.</param>
    public void CopyConditions(DenoiserBinding binding, int row, int pass, IReadOnlyList<GraphTensor> further)
    {
        if (Task.Embedding is not null)
        {
            binding.SetEmbedding(row, Embedding(pass));
        }
        if (Task.Pooled is { } condition)
        {
            binding.SetPooled(row, Pooled(pass));
            if (condition.TimeIds.Count > 0)
            {
                binding.SetTimeIds(row, TimeIds(pass));
            }
        }
        if (Task.GuidanceEmbedding is { } w)
        {
            Span<float> guidance = binding.Guidance(row);
            if (guidance.Length == 1)
            {
                guidance[0] = (float)w;
            }
            else
            {
                GuidanceEmbedding.Fill(w, guidance);
            }
        }
        for (int i = 0; i < further.Count; i++)
        {
            GraphCondition own = Task.ExtraInputs.First(condition => condition.Input == further[i].Name);
            binding.SetExtraInput(i, row, (IsPositive(pass) ? own.Value : own.Negative ?? own.Value).Values);
        }
    }

    /// <summary>Returns the embedding of a pass: [tokens, width].</summary>
    public ReadOnlySpan<float> Embedding(int pass) => Condition(pass).Embedding.Values;

    /// <summary>Returns XL's pooled embedding of a pass.</summary>
    public ReadOnlySpan<float> Pooled(int pass) => Condition(pass).Pooled!.Values;

    /// <summary>Returns XL's sizes of a pass.</summary>
    public float[] TimeIds(int pass) => [.. (IsPositive(pass) ? Task.Pooled!.TimeIds : Task.Pooled!.NegativeTimeIds).Select(id => (float)id)];

    private (Tensor Embedding, Tensor? Pooled) Condition(int pass) => IsPositive(pass) ? PromptOf(pass - Prompt) : NegativeNow();

    private (Tensor Embedding, Tensor? Pooled) PromptOf(int place) =>
        Task.Prompts.Count == 0 ? (Task.Embedding!, Task.Pooled?.Pooled) : Task.Prompts[place].At(Step);

    private (Tensor Embedding, Tensor? Pooled) NegativeNow() => Task.Negative?.At(Step) ?? (Task.NegativeEmbedding!, Task.Pooled?.NegativePooled);

    private bool IsPositive(int pass) => IsGuided ? pass == 0 : pass >= Prompt;
}
