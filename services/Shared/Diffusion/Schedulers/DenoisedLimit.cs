using System.Numerics.Tensors;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Limits the predicted x0 as configured: by dynamic thresholding, by clipping to a range, or not at all.</summary>
internal sealed class DenoisedLimit
{
    private readonly DynamicThreshold? _threshold;
    private readonly float? _range;

    public DenoisedLimit(SchedulerConfig config)
    {
        _threshold = config.HasFlag("thresholding") ? new DynamicThreshold(config) : null;
        _range = config.HasFlag("clip_sample") && _threshold is null ? (float)config.Number("clip_sample_range") : null;
    }

    /// <param name="denoised">[images, ...]; changed in place.</param>
    /// <param name="images">The number of images in the tensor.</param>
    public void Apply(Span<float> denoised, int images)
    {
        _threshold?.Apply(denoised, images);
        if (_range is { } range)
        {
            TensorPrimitives.Max<float>(denoised, -range, denoised);
            TensorPrimitives.Min<float>(denoised, range, denoised);
        }
    }
}
