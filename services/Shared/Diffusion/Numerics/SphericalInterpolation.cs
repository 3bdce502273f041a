using System.Numerics.Tensors;

namespace Brownian.Diffusion.Numerics;

/// <summary>
/// Spherical interpolation of vectors (Shoemake 1985), as unCLIP interpolates between the embeddings of images (arXiv 2204.06125, section 3.2).
/// </summary>
public static class SphericalInterpolation
{
    /// <summary>The sine below which the interpolation is linear, because the formula divides by the sine.</summary>
    private const double MinSine = 1e-6;

    /// <summary>
    /// Interpolates between two lists of vectors, each vector with its own angle. At 0 and 1 the result equals the ends, bit for bit.
    /// </summary>
    /// <param name="first">Vectors of one width, one after the other.</param>
    /// <param name="second">The same number of vectors.</param>
    /// <param name="width">The width of a vector, at least 1.</param>
    /// <param name="place">0..1.</param>
    /// <param name="destination">Has the same length.</param>
    public static void Mix(ReadOnlySpan<float> first, ReadOnlySpan<float> second, int width, double place, Span<float> destination)
    {
        if (place is 0 or 1)
        {
            (place == 0 ? first : second).CopyTo(destination);
            return;
        }
        for (int start = 0; start < first.Length; start += width)
        {
            ReadOnlySpan<float> a = first.Slice(start, width), b = second.Slice(start, width);
            double lengths = Math.Sqrt((double)TensorPrimitives.SumOfSquares(a) * TensorPrimitives.SumOfSquares(b));
            double angle = lengths == 0 ? 0 : Math.Acos(Math.Clamp(TensorPrimitives.Dot(a, b) / lengths, -1, 1)), sine = Math.Sin(angle);
            double own = sine < MinSine ? 1 - place
                : Math.Sin((1 - place) * angle) / sine, other = sine < MinSine ? place
                : Math.Sin(place * angle) / sine;
            for (int i = 0; i < width; i++)
            {
                destination[start + i] = (float)(own * a[i] + other * b[i]);
            }
        }
    }
}
