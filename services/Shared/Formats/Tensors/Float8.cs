namespace Brownian.Formats.Tensors;

/// <summary>
/// Converts 8-bit floats to float32; exact (Micikevicius et al. 2022, arXiv 2209.05433, table 1): e4m3 has no infinity and one NaN of each sign, e5m2
/// has both as in IEEE 754.
/// </summary>
public static class Float8
{
    private static readonly float[] E4M3 = Table(exponentBits: 4, hasInfinity: false);
    private static readonly float[] E5M2 = Table(exponentBits: 5, hasInfinity: true);

    /// <summary>Converts e4m3, the format of weights: four bits of exponent, three of mantissa.</summary>
    public static void WidenE4M3(ReadOnlySpan<byte> bytes, Span<float> values) => Widen(E4M3, bytes, values);

    /// <summary>Converts e5m2, the format of gradients: five bits of exponent, two of mantissa.</summary>
    public static void WidenE5M2(ReadOnlySpan<byte> bytes, Span<float> values) => Widen(E5M2, bytes, values);

    private static void Widen(float[] table, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = table[bytes[i]];
        }
    }

    private static float[] Table(int exponentBits, bool hasInfinity) =>
        [.. Enumerable.Range(0, 256).Select(bits => Decode(bits, exponentBits, hasInfinity))];

    private static float Decode(int bits, int exponentBits, bool hasInfinity)
    {
        int mantissaBits = 7 - exponentBits, bias = (1 << (exponentBits - 1)) - 1;
        int exponent = (bits & 0x7F) >> mantissaBits, mantissa = bits & ((1 << mantissaBits) - 1), highest = (1 << exponentBits) - 1;
        bool isSpecial = exponent == highest && (hasInfinity || mantissa == (1 << mantissaBits) - 1);
        float magnitude =
            isSpecial ? (hasInfinity && mantissa == 0 ? float.PositiveInfinity : float.NaN)
            : exponent == 0 ? MathF.ScaleB(mantissa, 1 - bias - mantissaBits)
            : MathF.ScaleB((1 << mantissaBits) + mantissa, exponent - bias - mantissaBits);
        return bits >= 0x80 ? -magnitude : magnitude;
    }
}
