using Brownian.Models.Plans;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>Restores the image outside a run's mask after every step.</summary>
/// <param name="run">The run.</param>
internal sealed class RunMask(DenoiseRun run)
{
    private float[]? _outside;

    /// <summary>Initializes a run that starts from an image, for models that keep the area outside the mask unchanged.</summary>
    /// <param name="image">The run's image.</param>
    /// <param name="begin">The latents that the run starts from.</param>
    public void Begin(ImageCondition? image, ReadOnlySpan<float> begin)
    {
        if (image is { KeepsPrevious: true, Mask: not null, Start: DenoiseStart.NoisedImage })
        {
            Blend(image.Mask, begin);
        }
    }

    /// <summary>Stores the latents outside the mask, for models that keep them unchanged.</summary>
    public void KeepPrevious()
    {
        if (run.Task.Image is { KeepsPrevious: true, Mask: not null })
        {
            _outside ??= new float[run.Latents.Length];
            run.Latents.CopyTo(_outside, 0);
        }
    }

    /// <summary>
    /// Replaces the area outside the mask by the image, noised to the level of the next evaluation (<c>pipeline_stable_diffusion_inpaint.py</c>).
    /// </summary>
    public void KeepOutsideMask()
    {
        if (run.Task.Image is not { Role: ImageRole.Begin or ImageRole.Upscale, Mask: { } mask })
        {
            return;
        }
        if (run.Task.Image.KeepsPrevious)
        {
            Blend(mask, _outside);
            return;
        }
        _outside ??= new float[run.Latents.Length];
        // After the last evaluation of the run, which may not be the schedule's last, the image is clean.
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
