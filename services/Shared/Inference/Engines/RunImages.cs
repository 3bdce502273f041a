using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Plans;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>The latents of a run's input images, drawn from its generator in the reference's order.</summary>
internal static class RunImages
{
    /// <summary>
    /// Returns the latents of an image. They are drawn from its moments, except those of a guiding image, which are the unscaled mean, as in the
    /// reference.
    /// </summary>
    /// <param name="encoded">Moments or latents.</param>
    /// <param name="image">How the run uses the image.</param>
    /// <param name="length">The number of values in the run's latents.</param>
    /// <param name="noise">The generator to draw from.</param>
    public static float[] Sample(Tensor encoded, ImageCondition image, int length, INoiseGenerator noise)
    {
        var latents = new float[length];
        if (encoded.Values.Length == length)
        {
            encoded.Values.CopyTo(latents, 0);
        }
        else
        {
            ReadOnlySpan<float> mean = encoded.Values.AsSpan(0, length), logarithm = encoded.Values.AsSpan(length);
            if (image.Role == ImageRole.Guide)
            {
                mean.CopyTo(latents);
                return latents;
            }
            noise.FillNormal(latents);
            for (int i = 0; i < length; i++)
            {
                latents[i] = mean[i] + MathF.Exp(0.5f * Math.Clamp(logarithm[i], -30f, 20f)) * latents[i];
            }
        }
        if (!image.IsScaled && image.Role != ImageRole.Guide)
        {
            image.Scaling.Scale(latents);
        }
        return latents;
    }

    /// <summary>Returns the small image as the model receives it, with noise added.</summary>
    public static float[] Upscaled(ImageCondition image, INoiseGenerator generator)
    {
        float[] small = [.. image.Image!.Values];
        if (image.Noise is { } added)
        {
            var noise = new float[small.Length];
            generator.FillNormal(noise);
            Scheduler scheduler = SchedulerCatalog.Create(added.Scheduler);
            scheduler.Start(new SamplingOptions { Timesteps = [added.Level] });
            scheduler.AddNoise(small, noise, small, 0);
        }
        return small;
    }
}
