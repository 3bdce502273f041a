using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Converts a model's output for a sample x = α x0 + σ ε to x0 or ε (Ho et al. 2020, arXiv 2006.11239, equation 15; v: Salimans and Ho 2022, arXiv
/// 2202.00512, appendix D). Divides where the reference does, because its roundings grow with the noise.
/// </summary>
internal static class LevelPrediction
{
    /// <summary>destination = x0.</summary>
    /// <param name="prediction">
    /// The quantity that the model predicts. <see cref="PredictionType.Flow"/> is not supported, because it is relative to the run's own sigma.
    /// </param>
    /// <param name="alpha">α of the evaluation.</param>
    /// <param name="sigma">σ of the evaluation.</param>
    /// <param name="sample">x.</param>
    /// <param name="output">The model's output.</param>
    /// <param name="destination">Has the sample's length; must be neither of the other two.</param>
    public static void Denoise(
        PredictionType prediction, float alpha, float sigma, ReadOnlySpan<float> sample, ReadOnlySpan<float> output, Span<float> destination)
    {
        switch (prediction)
        {
            case PredictionType.Noise:
                // Divided last: at α = 0 the result is an infinity, which clipping can limit; infinite weights would give NaN.
                LinearCombination.Of(1, sample, -sigma, output, destination);
                TensorPrimitives.Divide(destination, alpha, destination);
                break;
            case PredictionType.Image:
                output.CopyTo(destination);
                break;
            case PredictionType.Velocity:
                LinearCombination.Of(alpha, sample, -sigma, output, destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(prediction), prediction, null);
        }
    }

    /// <summary>destination = ε, computed from the model's output.</summary>
    /// <param name="prediction">The quantity that the model predicts. <see cref="PredictionType.Flow"/> is not supported.</param>
    /// <param name="alpha">α of the evaluation.</param>
    /// <param name="sigma">σ of the evaluation.</param>
    /// <param name="sample">x.</param>
    /// <param name="output">The model's output.</param>
    /// <param name="destination">Has the same length; may be the sample.</param>
    public static void Noise(
        PredictionType prediction, float alpha, float sigma, ReadOnlySpan<float> sample, ReadOnlySpan<float> output, Span<float> destination)
    {
        switch (prediction)
        {
            case PredictionType.Noise:
                output.CopyTo(destination);
                break;
            case PredictionType.Image:
                NoiseOf(alpha, sigma, sample, output, destination);
                break;
            case PredictionType.Velocity:
                LinearCombination.Of(alpha, output, sigma, sample, destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(prediction), prediction, null);
        }
    }

    /// <summary>destination = ε = (x - α x0) / σ.</summary>
    /// <param name="alpha">α of the evaluation.</param>
    /// <param name="sigma">σ of the evaluation.</param>
    /// <param name="sample">x.</param>
    /// <param name="denoised">x0.</param>
    /// <param name="destination">Has the same length; may be the sample.</param>
    public static void NoiseOf(float alpha, float sigma, ReadOnlySpan<float> sample, ReadOnlySpan<float> denoised, Span<float> destination)
    {
        LinearCombination.Of(1, sample, -alpha, denoised, destination);
        TensorPrimitives.Divide(destination, sigma, destination);
    }
}
