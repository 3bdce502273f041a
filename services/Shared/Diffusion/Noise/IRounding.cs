namespace Brownian.Diffusion.Noise;

/// <summary>Rounds float32 to what a 16-bit type can hold, and says how that type's uniform numbers are made.</summary>
internal interface IRounding
{
    /// <summary>How many of the low bits of a 32-bit draw make a uniform number.</summary>
    static abstract int UniformBits { get; }

    static abstract float Round(float value);
}

internal readonly struct Float16Rounding : IRounding
{
    public static int UniformBits => 11;

    public static float Round(float value) => (float)(Half)value;
}

internal readonly struct BFloat16Rounding : IRounding
{
    public static int UniformBits => 8;

    public static float Round(float value) => BFloat16Bits.Round(value);
}
