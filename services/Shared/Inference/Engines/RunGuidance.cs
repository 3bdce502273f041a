using Brownian.Diffusion.Guidance;

namespace Brownian.Inference.Engines;

/// <summary>Makes one prediction of the passes of a run's evaluation.</summary>
/// <param name="run">The run.</param>
internal sealed class RunGuidance(DenoiseRun run)
{
    private float[]? _composed;
    private float[]? _unconditional;
    private float[]? _conditional;
    private float[]? _perturbed;

    private DenoiseTask Task => run.Task;

    /// <summary>Whether the next evaluation also wants the prediction of a graph with perturbed self-attention.</summary>
    public bool IsPerturbed => Task.Guidance.PerturbedScale > 0;

    /// <summary>Remembers what the graph with perturbed self-attention predicted, for <see cref="Combine"/>.</summary>
    public void TakePerturbed(DenoiserBinding binding)
    {
        _perturbed ??= new float[run.Latents.Length];
        binding.Output(0)[..run.Latents.Length].CopyTo(_perturbed);
    }

    /// <summary>Guides an evaluation: its prediction comes to stand in its first row.</summary>
    /// <param name="binding">What the passes predicted.</param>
    /// <param name="row">The first pass's row there.</param>
    /// <returns>The prediction without the prompt, for CFG++; empty otherwise.</returns>
    public ReadOnlySpan<float> Combine(IDenoiserRows binding, int row)
    {
        Span<float> whole = binding.Output(row), prediction = whole[..run.Latents.Length];
        if (whole.Length > run.Latents.Length && run.Passes.Count > 1)
        {
            // The variances are those of the prompt's pass, unguided.
            binding.Output(row + run.Passes.Prompt)[run.Latents.Length..].CopyTo(whole[run.Latents.Length..]);
        }
        int rows = run.Passes.Count;
        if (IsPerturbed)
        {
            // The guided prediction may take its place.
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

    /// <summary>Several prompts: what each adds to the pass without one, weighed.</summary>
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
