namespace Brownian.Diffusion.Numerics;

/// <summary>
/// A number as the sum of two float32, which keeps the rounding error (Dekker 1971), with the operations of SLEEF's <c>df.h</c> on processors with
/// fused multiply-add.
/// </summary>
internal readonly record struct FloatPair(float High, float Low = 0)
{
    /// <summary>x + y, for any order of magnitudes.</summary>
    public static FloatPair Sum(float x, float y)
    {
        float sum = x + y, part = sum - x;
        return new(sum, x - (sum - part) + (y - part));
    }

    /// <summary>x + y, for any order of magnitudes.</summary>
    public static FloatPair operator +(FloatPair x, float y)
    {
        FloatPair sum = Sum(x.High, y);
        return new(sum.High, sum.Low + x.Low);
    }

    /// <summary>x + y, for any order of magnitudes.</summary>
    public static FloatPair operator +(FloatPair x, FloatPair y)
    {
        FloatPair sum = Sum(x.High, y.High);
        return new(sum.High, sum.Low + (x.Low + y.Low));
    }

    /// <summary>Adds a term whose magnitude is not larger.</summary>
    public FloatPair PlusSmaller(FloatPair y)
    {
        float sum = High + y.High;
        return new(sum, High - sum + y.High + Low + y.Low);
    }

    /// <summary>Adds a term whose magnitude is not larger.</summary>
    public FloatPair PlusSmaller(float y)
    {
        float sum = High + y;
        return new(sum, High - sum + y + Low);
    }

    /// <summary>x y.</summary>
    public static FloatPair operator *(FloatPair x, FloatPair y)
    {
        float product = x.High * y.High;
        float low = MathF.FusedMultiplyAdd(x.Low, y.High, MathF.FusedMultiplyAdd(x.High, y.High, -product));
        return new(product, MathF.FusedMultiplyAdd(x.High, y.Low, low));
    }

    /// <summary>x y.</summary>
    public static FloatPair operator *(FloatPair x, float y)
    {
        float product = x.High * y;
        return new(product, MathF.FusedMultiplyAdd(x.Low, y, MathF.FusedMultiplyAdd(x.High, y, -product)));
    }

    /// <summary>x / y.</summary>
    public static FloatPair operator /(FloatPair x, FloatPair y)
    {
        float reciprocal = 1 / y.High, quotient = x.High * reciprocal;
        float error = MathF.FusedMultiplyAdd(reciprocal, x.High, -quotient);
        float correction = MathF.FusedMultiplyAdd(-y.Low, reciprocal, MathF.FusedMultiplyAdd(-y.High, reciprocal, 1));
        return new(quotient, MathF.FusedMultiplyAdd(quotient, correction, MathF.FusedMultiplyAdd(x.Low, reciprocal, error)));
    }

    /// <summary>x x.</summary>
    public FloatPair Square()
    {
        float product = High * High;
        return new(product, MathF.FusedMultiplyAdd(High + High, Low, MathF.FusedMultiplyAdd(High, High, -product)));
    }

    /// <summary>Returns the same number with the high part rounded from the whole sum.</summary>
    public FloatPair Normalised()
    {
        float sum = High + Low;
        return new(sum, High - sum + Low);
    }

    /// <summary>x y as one float32.</summary>
    public static float Product(FloatPair x, FloatPair y) =>
        MathF.FusedMultiplyAdd(x.High, y.High, MathF.FusedMultiplyAdd(x.Low, y.High, x.High * y.Low));
}
