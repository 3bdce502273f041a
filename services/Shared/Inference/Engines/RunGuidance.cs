using Brownian.Diffusion.Guidance;

namespace Brownian.Inference.Engines;

/// <summary>Combines the predictions of an evaluation's passes into one.</summary>
/// <param name="run">The run.</param>
internal sealed class RunGuidance(DenoiseRun run)
{
    private float[]? _composed;
    private float[]? _unconditional;
    private float[]? _conditional;
    private float[]? _perturbed;

    private DenoiseTask Task => run.Task;

    /// <summary>Whether the next evaluation also needs the prediction of a graph with perturbed self-attention.</summary>
    public bool IsPerturbed => Task.Guidance.PerturbedScale > 0;

    /// <summary>Stores the prediction of the graph with perturbed self-attention for <see cref="Combine"/>.</summary>
    public void TakePerturbed(DenoiserBinding binding)
    {
        _perturbed ??= new float[run.Latents.Length];
        binding.Output(0)[..run.Latents.Length].CopyTo(_perturbed);
    }

    /// <summary>Applies guidance to an evaluation. The guided prediction replaces the prediction in the first row.</summary>
    /// <param name="binding">The predictions of the passes.</param>
    /// <param name="row">The row of the first pass in the binding.</param>
    /// <returns>The unconditional prediction, for CFG++; empty otherwise.</returns>
    public ReadOnlySpan<float> Combine(IDenoiserRows binding, int row)
    {
        Span<float> whole = binding.Output(row), prediction = whole[..run.Latents.Length];
        if (whole.Length > run.Latents.Length && run.Passes.Count > 1)
        {
            // The variances are those of the conditional pass, without guidance.
            binding.Output(row + run.Passes.Prompt)[run.Latents.Length..].CopyTo(whole[run.Latents.Length..]);
        }
        int rows = run.Passes.Count;
        if (IsPerturbed)
        {
            // Copied because the guided prediction may overwrite it.
            _conditional ??= new float[run.Latents.Length];
            Predicted(binding, row + run.Passes.Prompt).CopyTo(_conditional);
        }
        if (Task.Guidance.ZeroStar && rows == 2)
        {
            ClassifierFreeGuidance.Fit(prediction, Predicted(binding, row + 1));
        }
        if (Task.Guidance.Method == GuidanceMethod.CfgPlusPlus && rows > 1)
        {
            _unconditional ??= new float[run.Latents.Length];
            prediction.CopyTo(_unconditional);
        }
        if (run.Passes.IsGuided && rows == 3)
        {
            ImageGuidance.Combine(
                prediction, Predicted(binding, row + 1), Predicted(binding, row + 2), (float)Task.GuidanceScale, (float)Task.Image!.GuidanceScale,
                prediction);
        }
        else if (Task.Prompts is { Count: > 1 } or [{ Weight: not 1 }] && rows > 1)
        {
            Compose(binding, row, prediction);
        }
        else if (rows == 2)
        {
            ReadOnlySpan<float> own = Predicted(binding, row + 1);
            ClassifierFreeGuidance.Combine(prediction, own, (float)Task.GuidanceScale, prediction);
            if (Task.GuidanceRescale > 0)
            {
                ClassifierFreeGuidance.Rescale(prediction, own, (float)Task.GuidanceRescale);
            }
        }
        if (IsPerturbed)
        {
            PerturbedGuidance.Add(prediction, _conditional, _perturbed, (float)Task.Guidance.PerturbedScale);
        }
        return Task.Guidance.Method == GuidanceMethod.CfgPlusPlus && rows > 1 ? _unconditional : [];
    }

    private Span<float> Predicted(IDenoiserRows binding, int row) => binding.Output(row)[..run.Latents.Length];

    /// <summary>
    /// Combines several prompts: the weighted differences between each prompt's prediction and the unconditional one are added to the latter.
    /// </summary>
    private void Compose(IDenoiserRows binding, int row, Span<float> none)
    {
        _composed ??= new float[none.Length];
        none.CopyTo(_composed);
        for (int i = 0; i < Task.Prompts.Count; i++)
        {
            float scale = (float)(Task.GuidanceScale * Task.Prompts[i].Weight);
            ReadOnlySpan<float> own = Predicted(binding, row + 1 + i);
            for (int j = 0; j < none.Length; j++)
            {
                _composed[j] += scale * (own[j] - none[j]);
            }
        }
        _composed.CopyTo(none);
    }
}
