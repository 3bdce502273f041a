namespace Brownian.Diffusion.Numerics;

/// <summary>
/// Logarithm, exponential, power, sine and arctangent in float32, with the same last bit as the two libraries that the reference uses. The
/// coefficients of a multistep method are differences of nearly equal values of these functions, so that one unit in the last place can change the
/// fourth digit of a coefficient. Equal images therefore need equal bits here.
/// </summary>
internal static class Elementary
{
    private const float Log2E = 1.442695040888963407359924681001892137f;
    private const float Ln2High = 0.693145751953125f;
    private const float Ln2Low = 1.428606765330187045e-06f;

    /// <summary><c>torch.exp</c> on a CPU: SLEEF's <c>expf_u10</c> (<c>sleefsimdsp.c</c>) with fused multiply and add.</summary>
    public static float TorchExp(float x)
    {
        if (float.IsNaN(x))
        {
            return x;
        }
        if (x < -104)
        {
            return 0;
        }
        if (x > 100)
        {
            return float.PositiveInfinity;
        }
        float quotient = MathF.Round(x * Log2E, MidpointRounding.ToEven);
        float s = MathF.FusedMultiplyAdd(quotient, -Ln2Low, MathF.FusedMultiplyAdd(quotient, -Ln2High, x));
        float u = Polynomial(
            s, 0.000198527617612853646278381f, 0.00139304355252534151077271f, 0.00833336077630519866943359f, 0.0416664853692054748535156f,
            0.166666671633720397949219f, 0.5f);
        return MathF.ScaleB(1 + MathF.FusedMultiplyAdd(s * s, u, s), (int)quotient);
    }

    /// <summary><c>torch.expm1</c> on a CPU: SLEEF's <c>expm1f_u10</c>.</summary>
    public static float TorchExpMinusOne(float x)
    {
        if (float.IsNaN(x) || x == 0)
        {
            return x;
        }
        if (x > 88.72283172607421875f)
        {
            return float.PositiveInfinity;
        }
        if (x < -16.635532333438687426013570f)
        {
            return -1;
        }
        FloatPair exponent = new(x, 0);
        float quotient = Quotient(exponent);
        FloatPair s = Reduce(exponent, quotient);
        float u = Polynomial(s.High, 0.1980960224e-3f, 0.1394256484e-2f, 0.8333456703e-2f, 0.4166637361e-1f);
        FloatPair t = s * u + 0.166666659414234244790680580464e+0f;
        t = s * t + 0.5f;
        FloatPair exponential = new FloatPair(1, 0).PlusSmaller(s + s.Square() * t);
        FloatPair less = new FloatPair(MathF.ScaleB(exponential.High, (int)quotient), MathF.ScaleB(exponential.Low, (int)quotient)) + -1f;
        return less.High + less.Low;
    }

    /// <summary><c>torch.log</c> on a CPU: SLEEF's <c>logf_u10</c>.</summary>
    public static float TorchLog(float x)
    {
        if (x == 0)
        {
            return float.NegativeInfinity;
        }
        if (!(x > 0) || float.IsPositiveInfinity(x))
        {
            return float.IsPositiveInfinity(x) ? x : float.NaN;
        }
        (float mantissa, int exponent) = Split(x);
        FloatPair ratio = FloatPair.Sum(-1, mantissa) / FloatPair.Sum(1, mantissa);
        float square = ratio.High * ratio.High;
        float t = Polynomial(square, 0.3027294874e+0f, 0.3996108174e+0f, 0.6666694880e+0f);
        FloatPair sum = new FloatPair(0.69314718246459960938f, -1.904654323148236017e-09f) * exponent;
        sum = sum.PlusSmaller(new FloatPair(ratio.High * 2, ratio.Low * 2)).PlusSmaller(square * ratio.High * t);
        return sum.High + sum.Low;
    }

    /// <summary><c>torch.pow</c> of a base above 0 on a CPU: SLEEF's <c>powf_u10</c>.</summary>
    /// <param name="x">Above 0.</param>
    /// <param name="exponent">The power.</param>
    public static float TorchPow(float x, float exponent)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(x);
        (float mantissa, int scale) = Split(x);
        FloatPair ratio = FloatPair.Sum(-1, mantissa) / FloatPair.Sum(1, mantissa);
        FloatPair square = ratio.Square();
        float t = Polynomial(square.High, 0.240320354700088500976562f, 0.285112679004669189453125f, 0.400007992982864379882812f);
        FloatPair two = new(0.66666662693023681640625f, 3.69183861259614332084311e-09f);
        FloatPair logarithm = new FloatPair(0.69314718246459960938f, -1.904654323148236017e-09f) * scale;
        logarithm = logarithm.PlusSmaller(new FloatPair(ratio.High * 2, ratio.Low * 2));
        logarithm = logarithm.PlusSmaller(square * ratio * (square * t + two));
        FloatPair power = logarithm * exponent;
        float quotient = Quotient(power);
        FloatPair s = Reduce(power, quotient).Normalised();
        float u = Polynomial(
            s.High, 0.00136324646882712841033936f, 0.00836596917361021041870117f, 0.0416710823774337768554688f, 0.166665524244308471679688f,
            0.499999850988388061523438f);
        FloatPair result = new FloatPair(1, 0).PlusSmaller(s.PlusSmaller(s.Square() * u));
        return MathF.ScaleB(result.High + result.Low, (int)quotient);
    }

    /// <summary>Returns the sine (<c>xsinf_u1</c>).</summary>
    /// <param name="x">-125..125.</param>
    public static float TorchSin(float x)
    {
        float halfTurns = MathF.Round(x * 0.318309886183790671537767526745f, MidpointRounding.ToEven);
        float coarse = MathF.FusedMultiplyAdd(halfTurns, -3.1414794921875f, x);
        FloatPair rest = FloatPair.Sum(coarse, halfTurns * -0.00011315941810607910156f);
        rest = rest.PlusSmaller(halfTurns * -1.9841872589410058936e-09f);
        FloatPair square = rest.Square();
        float series = Polynomial(square.High, [2.6083159809786593541503e-06f, -0.0001981069071916863322258f, 0.00833307858556509017944336f]);
        FloatPair cubic = new FloatPair(-0.166666597127914428710938f).PlusSmaller(series * square.High);
        float sine = FloatPair.Product(rest, new FloatPair(1).PlusSmaller(cubic * square));
        return (int)halfTurns % 2 == 0 ? sine : -sine;
    }

    /// <summary>Returns the angle of a point in the first quadrant (<c>atan2kf_u1</c>).</summary>
    /// <param name="y">0 and above.</param>
    /// <param name="x">0 and above, not both 0.</param>
    public static float TorchAtan2(float y, float x)
    {
        bool steep = y > x;
        FloatPair ratio = (steep ? new FloatPair(-x) : new FloatPair(y)) / new FloatPair(steep ? y : x);
        FloatPair square = ratio.Square().Normalised();
        float series = Polynomial(
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
        FloatPair cubic = square * new FloatPair(-0.333332866430282592773438f).PlusSmaller(series * square.High);
        FloatPair angle = ratio * new FloatPair(1).PlusSmaller(cubic);
        if (steep)
        {
            angle = new FloatPair(1.5707963705062866211f, -4.3711388286737928865e-08f).PlusSmaller(angle);
        }
        return angle.High + angle.Low;
    }

    /// <summary><c>numpy.log</c> of a float32: the rational approximation of <c>loops_exponent_log.dispatch.c.src</c>.</summary>
    public static float NumpyLog(float x)
    {
        if (x == 0)
        {
            return float.NegativeInfinity;
        }
        if (!(x > 0) || float.IsPositiveInfinity(x))
        {
            return float.IsPositiveInfinity(x) ? x : float.NaN;
        }
        int exponent = MathF.ILogB(x);
        float mantissa = MathF.ScaleB(x, -exponent);
        if (mantissa > 1.414213562373095048802f)
        {
            mantissa *= 0.5f;
            exponent++;
        }
        mantissa -= 1;
        float numerator = Polynomial(
            mantissa, 2.589979117907922693523e-02f, 3.808837741388407920751e-01f, 1.480000633576506585156e+00f, 2.112677543073053063722e+00f,
            9.999999999999998702752e-01f, 0);
        float denominator = Polynomial(
            mantissa, 5.875095403124574342950e-03f, 1.546476374983906719538e-01f, 9.864942958519418960339e-01f, 2.453006071784736363091e+00f,
            2.612677543073109236779e+00f, 1);
        return MathF.FusedMultiplyAdd(exponent, 0.693147180559945309f, numerator / denominator);
    }

    /// <summary>Splits a number into a mantissa of 0.75..1.5 and a power of two.</summary>
    private static (float Mantissa, int Exponent) Split(float x)
    {
        int exponent = MathF.ILogB(x * (1 / 0.75f));
        return (MathF.ScaleB(x, -exponent), exponent);
    }

    private static float Polynomial(float x, params ReadOnlySpan<float> coefficients)
    {
        float value = coefficients[0];
        foreach (float coefficient in coefficients[1..])
        {
            value = MathF.FusedMultiplyAdd(value, x, coefficient);
        }
        return value;
    }

    private static float Quotient(FloatPair x) => MathF.Round((x.High + x.Low) * Log2E, MidpointRounding.ToEven);

    private static FloatPair Reduce(FloatPair x, float quotient) => x + quotient * -Ln2High + quotient * -Ln2Low;
}
