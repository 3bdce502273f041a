using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Converts a model's output for a sample x = x0 + σ n in the variance-exploding form (Karras et al. 2022, arXiv 2206.00364, table 1). Every
/// operation is made in the reference's order, because at large sigmas the steps nearly cancel the sample and the last bits are visible.
/// </summary>
internal static class SigmaPrediction
{
    /// <summary>destination = x0.</summary>
    /// <param name="prediction">The quantity that the model predicts. <see cref="PredictionType.Flow"/> is not supported.</param>
    /// <param name="sigma">σ of the evaluation.</param>
    /// <param name="sample">x.</param>
    /// <param name="output">The model's output.</param>
    /// <param name="destination">Has the same length; must be neither of the other two.</param>
    public static void Denoise(
        PredictionType prediction, float sigma, ReadOnlySpan<float> sample, ReadOnlySpan<float> output, Span<float> destination)
    {
        switch (prediction)
        {
            case PredictionType.Noise:
                LinearCombination.Of(1, sample, -sigma, output, destination);
                break;
            case PredictionType.Velocity:
                float square = sigma * sigma + 1;
                TensorPrimitives.Divide(sample, square, destination);
                LinearCombination.Of(-sigma / MklSquareRoot.Of(square), output, 1, destination, destination);
                break;
            case PredictionType.Image:
                output.CopyTo(destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(prediction), prediction, null);
        }
    }

    /// <summary>destination = dx/dσ = (x - x0) / σ.</summary>
    /// <param name="prediction">The quantity that the model predicts. <see cref="PredictionType.Flow"/> is not supported.</param>
    /// <param name="sigma">σ of the evaluation, above 0.</param>
    /// <param name="sample">x.</param>
    /// <param name="output">The model's output.</param>
    /// <param name="destination">Has the same length; must be neither of the other two.</param>
    public static void Slope(PredictionType prediction, float sigma, ReadOnlySpan<float> sample, ReadOnlySpan<float> output, Span<float> destination)
    {
        Denoise(prediction, sigma, sample, output, destination);
        SlopeFrom(sigma, sample, destination);
    }

    /// <summary>Converts x0 to (x - x0) / σ, in place.</summary>
    public static void SlopeFrom(float sigma, ReadOnlySpan<float> sample, Span<float> denoised)
    {
        TensorPrimitives.Subtract(sample, denoised, denoised);
        TensorPrimitives.Divide(denoised, sigma, denoised);
    }
}
