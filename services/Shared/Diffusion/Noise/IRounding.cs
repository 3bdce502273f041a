using System.Numerics.Tensors;

namespace Brownian.Diffusion.Noise;

/// <summary>Rounds float32 to a 16-bit type, and defines how that type's uniform numbers are drawn.</summary>
internal interface IRounding
{
    /// <summary>The number of low bits of a 32-bit draw that form a uniform number.</summary>
    static abstract int UniformBits { get; }

    static abstract float Round(float value);

    static abstract void Round(Span<float> values);
}

internal readonly struct Float16Rounding : IRounding
{
    public static int UniformBits => 11;

    public static float Round(float value) => (float)(Half)value;

    public static void Round(Span<float> values)
    {
        const int Chunk = 256;
        Span<Half> halves = stackalloc Half[Chunk];
        for (int start = 0; start < values.Length; start += Chunk)
        {
            Span<float> chunk = values.Slice(start, Math.Min(Chunk, values.Length - start));
            TensorPrimitives.ConvertToHalf(chunk, halves);
            TensorPrimitives.ConvertToSingle(halves[..chunk.Length], chunk);
        }
    }
}

internal readonly struct BFloat16Rounding : IRounding
{
    public static int UniformBits => 8;

    public static float Round(float value) => BFloat16Bits.Round(value);

    public static void Round(Span<float> values)
    {
        foreach (ref float value in values)
        {
            value = BFloat16Bits.Round(value);
        }
    }
}
