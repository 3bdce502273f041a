using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// What a model's output says about a sample x = sqrt(ᾱ) x0 + sqrt(1 - ᾱ) ε in the variance-preserving form
/// (Ho et al. 2020, arXiv 2006.11239, equation 15; v: Salimans and Ho 2022, arXiv 2202.00512, appendix D).
/// </summary>
internal static class AlphaPrediction
{
    /// <summary>destination = x0.</summary>
    /// <param name="prediction">The option <c>prediction_type</c>.</param>
    /// <param name="alpha">ᾱ of the evaluation.</param>
    /// <param name="sample">x.</param>
    /// <param name="output">The model's output.</param>
    /// <param name="destination">As long as the sample, none of the other two.</param>
    public static void Denoise(string prediction, float alpha, ReadOnlySpan<float> sample, ReadOnlySpan<float> output, Span<float> destination)
    {
        float rootAlpha = MklSquareRoot.Of(alpha), rootBeta = MklSquareRoot.Of(1 - alpha);
        switch (prediction)
        {
            case "epsilon":
                // Divided last: at ᾱ = 0 this is an infinity that clipping can limit, where weights of infinity would give NaN.
                LinearCombination.Of(1, sample, -rootBeta, output, destination);
                TensorPrimitives.Divide(destination, rootAlpha, destination);
                break;
            case "sample":
                output.CopyTo(destination);
                break;
            default:
                LinearCombination.Of(rootAlpha, sample, -rootBeta, output, destination);
                break;
        }
    }

    /// <summary>destination = a x0 + b ε, with ε by the model's own output and not by the (perhaps clipped) x0.</summary>
    /// <param name="prediction">The option <c>prediction_type</c>.</param>
    /// <param name="alpha">ᾱ of the evaluation.</param>
    /// <param name="a">The weight of x0.</param>
    /// <param name="denoised">x0.</param>
    /// <param name="b">The weight of ε.</param>
    /// <param name="output">The model's output.</param>
    /// <param name="sample">x.</param>
    /// <param name="destination">As long; may be the sample.</param>
    public static void Recombine(
        string prediction,
        float alpha,
        float a,
        ReadOnlySpan<float> denoised,
        float b,
        ReadOnlySpan<float> output,
        ReadOnlySpan<float> sample,
        Span<float> destination)
    {
        float rootAlpha = MklSquareRoot.Of(alpha), rootBeta = MklSquareRoot.Of(1 - alpha);
        switch (prediction)
        {
            case "epsilon":
                LinearCombination.Of(a, denoised, b, output, destination);
                break;
            case "sample":
                LinearCombination.Of(1, sample, -rootAlpha, output, destination);
                TensorPrimitives.Divide(destination, rootBeta, destination);
                LinearCombination.Of(a, denoised, b, destination, destination);
                break;
            default:
                LinearCombination.Of(rootAlpha, output, rootBeta, sample, destination);
                LinearCombination.Of(a, denoised, b, destination, destination);
                break;
        }
    }
}
