namespace Brownian.Diffusion.Noise;

/// <summary>Rounding of float32 to bfloat16, nearest even (PyTorch <c>c10/util/BFloat16.h: round_to_nearest_even</c>).</summary>
public static class BFloat16Bits
{
    /// <summary>Returns the upper 16 bits of the rounded value; every NaN becomes 0x7FC0.</summary>
    public static ushort FromSingle(float value)
    {
        if (float.IsNaN(value))
        {
            return 0x7FC0;
        }
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Returns the float32 with the given upper 16 bits.</summary>
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Returns the bfloat16 value nearest to <paramref name="value"/>, as a float32.</summary>
    public static float Round(float value) => ToSingle(FromSingle(value));
}
