namespace Brownian.Diffusion.Numerics;

/// <summary>
/// <c>torch.log</c> and <c>torch.exp</c> of float32 numbers on a CPU, bit for bit: PyTorch takes them from SLEEF
/// (<c>src/libm/sleefsimdsp.c: xlogf_u1, xexpf</c>), whose exponential differs from a correctly rounded one in about one number of ten.
/// A sum of two floats carries what rounding loses (Dekker 1971).
/// </summary>
internal static class SleefFunctions
{
    /// <summary>ln x.</summary>
    /// <param name="x">A normal number for the exact bits; 0 gives minus infinity.</param>
    public static float Log(float x)
    {
        if (!(x >= 1.17549435e-38f) || !float.IsFinite(x))
        {
            return MathF.Log(x);
        }
        int exponent = MathF.ILogB(x * (1f / 0.75f));
        float mantissa = MathF.ScaleB(x, -exponent);
        (float High, float Low) ratio = Divide(Add(-1, mantissa), Add(1, mantissa));
        float square = ratio.High * ratio.High;
        float series = 0.3027294874f;
        series = MathF.FusedMultiplyAdd(series, square, 0.3996108174f);
        series = MathF.FusedMultiplyAdd(series, square, 0.6666694880f);

        // e ln 2 + 2 r + r³ series, the larger terms first.
        const float Ln2High = 0.69314718246459960938f, Ln2Low = -1.904654323148236017e-09f;
        float scaled = Ln2High * exponent;
        float scaledLow = MathF.FusedMultiplyAdd(Ln2Low, exponent, MathF.FusedMultiplyAdd(Ln2High, exponent, -scaled));
        float twice = ratio.High * 2, twiceLow = ratio.Low * 2;
        float sum = scaled + twice;
        float sumLow = scaled - sum + twice + scaledLow + twiceLow;
        float tail = square * ratio.High * series;
        float total = sum + tail;
        return total + (sum - total + tail + sumLow);
    }

    /// <summary>e to the power x.</summary>
    /// <param name="x">-104..88; minus infinity gives 0.</param>
    public static float Exp(float x)
    {
        if (!(x is >= -87 and <= 88))
        {
            return MathF.Exp(x);
        }
        float exponent = MathF.Round(x * 1.442695040888963407359924681f, MidpointRounding.ToEven);
        float rest = MathF.FusedMultiplyAdd(exponent, -0.693145751953125f, x);
        rest = MathF.FusedMultiplyAdd(exponent, -1.428606765330187045e-06f, rest);
        float series = 0.000198527617612853646278381f;
        series = MathF.FusedMultiplyAdd(series, rest, 0.00139304355252534151077271f);
        series = MathF.FusedMultiplyAdd(series, rest, 0.00833336077630519866943359f);
        series = MathF.FusedMultiplyAdd(series, rest, 0.0416664853692054748535156f);
        series = MathF.FusedMultiplyAdd(series, rest, 0.166666671633720397949219f);
        series = MathF.FusedMultiplyAdd(series, rest, 0.5f);
        return MathF.ScaleB(1 + MathF.FusedMultiplyAdd(rest * rest, series, rest), (int)exponent);
    }

    private static (float High, float Low) Add(float x, float y)
    {
        float sum = x + y, part = sum - x;
        return (sum, x - (sum - part) + (y - part));
    }

    private static (float High, float Low) Divide((float High, float Low) n, (float High, float Low) d)
    {
        float reciprocal = 1 / d.High, quotient = n.High * reciprocal;
        float error = MathF.FusedMultiplyAdd(reciprocal, n.High, -quotient);
        float correction = MathF.FusedMultiplyAdd(-d.Low, reciprocal, MathF.FusedMultiplyAdd(-d.High, reciprocal, 1));
        return (quotient, MathF.FusedMultiplyAdd(quotient, correction, MathF.FusedMultiplyAdd(n.Low, reciprocal, error)));
    }
}
