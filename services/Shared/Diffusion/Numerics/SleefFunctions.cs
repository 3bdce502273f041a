namespace Brownian.Diffusion.Numerics;

/// <summary>
/// <c>torch.log</c>, <c>exp</c>, <c>sin</c> and <c>atan2</c> of float32 numbers on a CPU, bit for bit: PyTorch takes them from SLEEF
/// (<c>src/libm/sleefsimdsp.c</c>, the functions of 1 ulp), whose exponential differs from a correctly rounded one in about one number of ten.
/// </summary>
internal static class SleefFunctions
{
    /// <summary>ln x (<c>xlogf_u1</c>).</summary>
    /// <param name="x">A normal number for the exact bits; 0 gives minus infinity.</param>
    public static float Log(float x)
    {
        if (!(x >= 1.17549435e-38f) || !float.IsFinite(x))
        {
            return MathF.Log(x);
        }
        int exponent = MathF.ILogB(x * (1f / 0.75f));
        float mantissa = MathF.ScaleB(x, -exponent);
        FloatPair ratio = FloatPair.Sum(-1, mantissa) / FloatPair.Sum(1, mantissa);
        float square = ratio.High * ratio.High;
        float series = Horner(square, [0.3027294874f, 0.3996108174f, 0.6666694880f]);
        FloatPair scaled = new FloatPair(0.69314718246459960938f, -1.904654323148236017e-09f) * exponent;
        FloatPair sum = FloatPair.QuickSum(scaled, new FloatPair(ratio.High * 2, ratio.Low * 2));
        sum = FloatPair.QuickSum(sum, square * ratio.High * series);
        return sum.High + sum.Low;
    }

    /// <summary>e to the power x (<c>xexpf</c>).</summary>
    /// <param name="x">-87..88 for the exact bits; minus infinity gives 0.</param>
    public static float Exp(float x)
    {
        if (!(x is >= -87 and <= 88))
        {
            return MathF.Exp(x);
        }
        float exponent = MathF.Round(x * 1.442695040888963407359924681f, MidpointRounding.ToEven);
        float rest = MathF.FusedMultiplyAdd(exponent, -0.693145751953125f, x);
        rest = MathF.FusedMultiplyAdd(exponent, -1.428606765330187045e-06f, rest);
        float series = Horner(
            rest,
            [
                0.000198527617612853646278381f,
                0.00139304355252534151077271f,
                0.00833336077630519866943359f,
                0.0416664853692054748535156f,
                0.166666671633720397949219f,
                0.5f,
            ]);
        return MathF.ScaleB(1 + MathF.FusedMultiplyAdd(rest * rest, series, rest), (int)exponent);
    }

    /// <summary>The sine (<c>xsinf_u1</c>).</summary>
    /// <param name="x">-125..125.</param>
    public static float Sin(float x)
    {
        float halfTurns = MathF.Round(x * 0.318309886183790671537767526745f, MidpointRounding.ToEven);
        float coarse = MathF.FusedMultiplyAdd(halfTurns, -3.1414794921875f, x);
        FloatPair rest = FloatPair.Sum(coarse, halfTurns * -0.00011315941810607910156f);
        rest = FloatPair.QuickSum(rest, halfTurns * -1.9841872589410058936e-09f);
        FloatPair square = rest.Square();
        float series = Horner(square.High, [2.6083159809786593541503e-06f, -0.0001981069071916863322258f, 0.00833307858556509017944336f]);
        FloatPair cubic = FloatPair.QuickSum(new FloatPair(-0.166666597127914428710938f), series * square.High);
        float sine = FloatPair.Product(rest, FloatPair.QuickSum(1, cubic * square));
        return (int)halfTurns % 2 == 0 ? sine : -sine;
    }

    /// <summary>The angle of a point in the first quadrant (<c>atan2kf_u1</c>).</summary>
    /// <param name="y">0 and above.</param>
    /// <param name="x">0 and above, not both 0.</param>
    public static float Atan2(float y, float x)
    {
        bool steep = y > x;
        FloatPair ratio = (steep ? new FloatPair(-x) : new FloatPair(y)) / new FloatPair(steep ? y : x);
        FloatPair square = ratio.Square().Normalise();
        float series = Horner(
            square.High,
            [
                -0.00176397908944636583328247f,
                0.0107900900766253471374512f,
                -0.0309564601629972457885742f,
                0.0577365085482597351074219f,
                -0.0838950723409652709960938f,
                0.109463557600975036621094f,
                -0.142626821994781494140625f,
                0.199983194470405578613281f,
            ]);
        FloatPair cubic = square * FloatPair.QuickSum(new FloatPair(-0.333332866430282592773438f), series * square.High);
        FloatPair angle = ratio * FloatPair.QuickSum(1, cubic);
        if (steep)
        {
            angle = FloatPair.QuickSum(new FloatPair(1.5707963705062866211f, -4.3711388286737928865e-08f), angle);
        }
        return angle.High + angle.Low;
    }

    /// <summary>A polynomial, its highest coefficient first, with fused operations.</summary>
    private static float Horner(float x, ReadOnlySpan<float> coefficients)
    {
        float value = coefficients[0];
        foreach (float coefficient in coefficients[1..])
        {
            value = MathF.FusedMultiplyAdd(value, x, coefficient);
        }
        return value;
    }
}
