using System.Buffers.Binary;

namespace Brownian.Formats.Tensors;

/// <summary>Converts between float32 and bfloat16, which is the upper half of a binary32.</summary>
public static class Bfloat16
{
    private const int Bytes = sizeof(ushort);

    /// <summary>Converts little-endian bfloat16 to float32; exact.</summary>
    public static void Widen(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(Bytes * i)..]) << 16);
        }
    }

    /// <summary>Converts finite float32 to little-endian bfloat16, rounded to nearest, ties to even.</summary>
    public static void Narrow(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            uint rounded = bits + 0x7FFF + ((bits >> 16) & 1);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[(Bytes * i)..], (ushort)(rounded >> 16));
        }
    }
}
