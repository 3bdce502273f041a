using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// What the model says, as the picture x0 or the noise ε that it implies (Salimans and Ho 2022, arXiv 2202.00512, section 4), with dynamic
/// thresholding of x0. Divides where the reference does: its roundings grow with the noise.
/// </summary>
/// <param name="config">The configuration.</param>
/// <param name="target">What is wanted.</param>
internal sealed class PredictionConverter(SchedulerConfig config, PredictionTarget target)
{
    private readonly string _prediction = config.Word("prediction_type");
    private readonly DynamicThreshold? _threshold = config.Flag("thresholding") && target != PredictionTarget.PlainNoise ? new DynamicThreshold(config) : null;
    private float[] _scratch = [];

    /// <param name="output">As long as the sample.</param>
    /// <param name="sample">[images, ...].</param>
    /// <param name="level">Of the sample.</param>
    /// <param name="sigma">The run's own sigma at this evaluation, which flow predictions are relative to.</param>
    /// <param name="images">How many pictures the sample holds.</param>
    /// <param name="destination">Neither of the sources.</param>
    public void Convert(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, NoiseLevel level, float sigma, int images, Span<float> destination)
    {
        switch (target)
        {
            case PredictionTarget.Picture:
                ToPicture(output, sample, level, sigma, images, destination);
                break;
            case PredictionTarget.Noise or PredictionTarget.PlainNoise:
                ToNoise(output, sample, level, images, destination);
                break;
            default:
                Span<float> picture = Scratch(sample.Length);
                ToPicture(output, sample, level, sigma, images, picture);
                // The reference then takes the run's sigma for that of the level; the two differ but in flow matching.
                NoiseOf(picture, sample, _prediction == "flow_prediction" ? level with { Sigma = sigma } : level, destination);
                break;
        }
    }

    private void ToPicture(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, NoiseLevel level, float sigma, int images, Span<float> destination)
    {
        switch (_prediction)
        {
            case "epsilon":
                LinearCombination.Of(1, sample, -level.Sigma, output, destination);
                TensorPrimitives.Divide(destination, level.Alpha, destination);
                break;
            case "sample":
                output.CopyTo(destination);
                break;
            case "v_prediction":
                LinearCombination.Of(level.Alpha, sample, -level.Sigma, output, destination);
                break;
            default:
                LinearCombination.Of(1, sample, -sigma, output, destination);
                break;
        }
        _threshold?.Apply(destination, images);
    }

    private void ToNoise(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, NoiseLevel level, int images, Span<float> destination)
    {
        switch (_prediction)
        {
            case "epsilon":
                output.CopyTo(destination);
                break;
            case "sample":
                NoiseOf(output, sample, level, destination);
                break;
            default:
                LinearCombination.Of(level.Alpha, output, level.Sigma, sample, destination);
                break;
        }
        if (_threshold is not null)
        {
            Span<float> picture = Scratch(sample.Length);
            LinearCombination.Of(1, sample, -level.Sigma, destination, picture);
            TensorPrimitives.Divide(picture, level.Alpha, picture);
            _threshold.Apply(picture, images);
            NoiseOf(picture, sample, level, destination);
        }
    }

    private static void NoiseOf(ReadOnlySpan<float> picture, ReadOnlySpan<float> sample, NoiseLevel level, Span<float> destination)
    {
        LinearCombination.Of(1, sample, -level.Alpha, picture, destination);
        TensorPrimitives.Divide(destination, level.Sigma, destination);
    }

    private Span<float> Scratch(int length)
    {
        if (_scratch.Length != length)
        {
            _scratch = new float[length];
        }
        return _scratch;
    }
}
