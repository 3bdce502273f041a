namespace Brownian.Diffusion.Numerics;

/// <summary>
/// <c>numpy.log</c> of float32 numbers, bit for bit: NumPy evaluates its own minimax quotient with fused operations
/// (<c>numpy/core/src/umath/loops_exponent_log.dispatch.c.src: simd_log_FLOAT</c>) and differs from a correctly rounded logarithm in about
/// one number of thirteen, which shows in fractional timesteps.
/// </summary>
internal static class NumpyLogarithm
{
    private const float SquareRootOfHalf = 0.70710678118654752440f;
    private const float Ln2 = 0.693147180559945309417232121458176568f;

    /// <summary>ln x.</summary>
    /// <param name="x">0 or above; normal numbers are exact, 0 gives minus infinity.</param>
    public static float Of(float x)
    {
        if (!(x > 0) || !float.IsFinite(x))
        {
            return MathF.Log(x);
        }
        int exponent = MathF.ILogB(x) + 1;
        float mantissa = MathF.ScaleB(x, -exponent);
        if (mantissa <= SquareRootOfHalf)
        {
            exponent--;
            mantissa += mantissa;
        }
        float z = mantissa - 1;
        float numerator = 2.589979117907922693523e-02f;
        numerator = MathF.FusedMultiplyAdd(numerator, z, 3.808837741388407920751e-01f);
        numerator = MathF.FusedMultiplyAdd(numerator, z, 1.480000633576506585156e+00f);
        numerator = MathF.FusedMultiplyAdd(numerator, z, 2.112677543073053063722e+00f);
        numerator = MathF.FusedMultiplyAdd(numerator, z, 9.999999999999998702752e-01f);
        numerator = MathF.FusedMultiplyAdd(numerator, z, 0);
        float denominator = 5.875095403124574342950e-03f;
        denominator = MathF.FusedMultiplyAdd(denominator, z, 1.546476374983906719538e-01f);
        denominator = MathF.FusedMultiplyAdd(denominator, z, 9.864942958519418960339e-01f);
        denominator = MathF.FusedMultiplyAdd(denominator, z, 2.453006071784736363091e+00f);
        denominator = MathF.FusedMultiplyAdd(denominator, z, 2.612677543073109236779e+00f);
        denominator = MathF.FusedMultiplyAdd(denominator, z, 1.000000000000000000000e+00f);
        return MathF.FusedMultiplyAdd(exponent, Ln2, numerator / denominator);
    }
}
