using Brownian.Models.Plans;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>What a run's mask does not cover stays the image.</summary>
/// <param name="run">The run.</param>
internal sealed class RunMask(DenoiseRun run)
{
    private float[]? _outside;

    /// <summary>Begins a run at its image, in models that leave what the mask does not cover as it is.</summary>
    /// <param name="image">The run's image.</param>
    /// <param name="begin">The latents that the run begins at.</param>
    public void Begin(ImageCondition? image, ReadOnlySpan<float> begin)
    {
        if (image is { KeepsPrevious: true, Mask: not null, Start: DenoiseStart.NoisedImage })
        {
            Blend(image.Mask, begin);
        }
    }

    /// <summary>Remembers what the mask does not cover, in models that leave it as it is.</summary>
    public void KeepPrevious()
    {
        if (run.Task.Image is { KeepsPrevious: true, Mask: not null })
        {
            _outside ??= new float[run.Latents.Length];
            run.Latents.CopyTo(_outside, 0);
        }
    }

    /// <summary>
    /// What the mask does not cover is the picture again, noised as the next evaluation expects it (<c>pipeline_stable_diffusion_inpaint.py</c>).
    /// </summary>
    public void KeepOutsideMask()
    {
        if (run.Task.Image is not { Role: ImageRole.Begin or ImageRole.Enlarge, Mask: { } mask })
        {
            return;
        }
        if (run.Task.Image.KeepsPrevious)
        {
            Blend(mask, _outside);
            return;
        }
        _outside ??= new float[run.Latents.Length];
        // The last evaluation of the run, not of the schedule, ends at the clean image.
        if (run.Scheduler.StepIndex < run.End)
        {
            run.Scheduler.AddNoise(run.ImageLatents, run.InitialLatents, _outside, run.Scheduler.StepIndex);
        }
        else
        {
            run.ImageLatents!.CopyTo(_outside, 0);
        }
        Blend(mask, _outside);
    }

    private void Blend(Tensor mask, ReadOnlySpan<float> outside)
    {
        int size = mask.Values.Length;
        for (int i = 0; i < run.Latents.Length; i++)
        {
            float anew = mask.Values[i % size];
            run.Latents[i] = (1 - anew) * outside[i] + anew * run.Latents[i];
        }
    }
}
