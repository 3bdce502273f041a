using System.Numerics.Tensors;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Dynamic thresholding of the predicted sample (Saharia et al. 2022, arXiv 2205.11487, section 2.3): each image is clamped to a quantile of its own
/// magnitudes, at least 1, and divided by it.
/// </summary>
internal sealed class DynamicThreshold
{
    private readonly double _ratio;
    private readonly float _maximum;
    private float[] _magnitudes = [];

    public DynamicThreshold(SchedulerConfig config)
    {
        _ratio = config.Number("dynamic_thresholding_ratio");
        _maximum = (float)config.Number("sample_max_value");
    }

    /// <param name="sample">[images, ...]; changed in place.</param>
    /// <param name="images">The number of images in the tensor.</param>
    public void Apply(Span<float> sample, int images)
    {
        int length = sample.Length / images;
        if (_magnitudes.Length != length)
        {
            _magnitudes = new float[length];
        }
        for (int i = 0; i < images; i++)
        {
            Span<float> image = sample.Slice(i * length, length);
            TensorPrimitives.Abs<float>(image, _magnitudes);
            // The minimum is applied last, as torch.clamp does when the limits cross.
            float limit = Math.Min(Math.Max(Quantile(_magnitudes, _ratio), 1), _maximum);
            TensorPrimitives.Max<float>(image, -limit, image);
            TensorPrimitives.Min<float>(image, limit, image);
            TensorPrimitives.Divide(image, limit, image);
        }
    }

    /// <summary><c>torch.quantile</c>: linear interpolation between the two nearest ranks. Sorts the values.</summary>
    private static float Quantile(float[] values, double ratio)
    {
        Array.Sort(values);
        float rank = (float)ratio * (values.Length - 1);
        int low = (int)rank;
        int high = Math.Min(low + 1, values.Length - 1);
        float weight = rank - low;
        // torch.lerp interpolates from the nearer end.
        return weight < 0.5f
            ? values[low] + weight * (values[high] - values[low])
            : values[high] - (values[high] - values[low]) * (1 - weight);
    }
}
