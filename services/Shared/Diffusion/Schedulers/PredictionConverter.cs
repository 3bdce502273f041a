using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Converts the model's output to the image x0 or the noise ε, with dynamic thresholding of x0.</summary>
/// <param name="config">The configuration.</param>
/// <param name="target">The quantity to convert to.</param>
internal sealed class PredictionConverter(SchedulerConfig config, PredictionTarget target)
{
    private readonly PredictionType _prediction = PredictionTypeOption.Read(config);
    private readonly DenoisedLimit _limit = new(config);
    private readonly bool _limitsNoise = config.Flag("thresholding") && target == PredictionTarget.Noise;
    private float[] _scratch = [];

    /// <param name="output">Has the sample's length.</param>
    /// <param name="sample">[images, ...].</param>
    /// <param name="level">The noise level of the sample.</param>
    /// <param name="sigma">The run's own sigma at this evaluation, which flow predictions are relative to.</param>
    /// <param name="images">The number of images in the sample.</param>
    /// <param name="destination">Must be neither of the sources.</param>
    public void Convert(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, NoiseLevel level, float sigma, int images, Span<float> destination)
    {
        switch (target)
        {
            case PredictionTarget.Image:
                ToImage(output, sample, level, sigma, images, destination);
                break;
            case PredictionTarget.Noise or PredictionTarget.PlainNoise:
                ToNoise(output, sample, level, images, destination);
                break;
            default:
                Span<float> image = Scratch(sample.Length);
                ToImage(output, sample, level, sigma, images, image);
                // The reference then uses the run's sigma as the level's; the two differ only in flow matching.
                LevelPrediction.NoiseOf(level.Alpha, _prediction == PredictionType.Flow ? sigma : level.Sigma, sample, image, destination);
                break;
        }
    }

    private void ToImage(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, NoiseLevel level, float sigma, int images, Span<float> destination)
    {
        if (_prediction == PredictionType.Flow)
        {
            LinearCombination.Of(1, sample, -sigma, output, destination);
        }
        else
        {
            LevelPrediction.Denoise(_prediction, level.Alpha, level.Sigma, sample, output, destination);
        }
        _limit.Apply(destination, images);
    }

    private void ToNoise(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, NoiseLevel level, int images, Span<float> destination)
    {
        LevelPrediction.Noise(_prediction, level.Alpha, level.Sigma, sample, output, destination);
        if (_limitsNoise)
        {
            Span<float> image = Scratch(sample.Length);
            LevelPrediction.Denoise(PredictionType.Noise, level.Alpha, level.Sigma, sample, destination, image);
            _limit.Apply(image, images);
            LevelPrediction.NoiseOf(level.Alpha, level.Sigma, sample, image, destination);
        }
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
