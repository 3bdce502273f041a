using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Brownian.Diffusion.State;

/// <summary>Writes the state of schedulers and generators as little-endian bytes, without loss.</summary>
public sealed class StateWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>The bytes written so far.</summary>
    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    /// <summary>Discards the written bytes and keeps the memory for reuse.</summary>
    public void Clear() => _bytes.ResetWrittenCount();

    /// <summary>Writes one byte, 0 or 1.</summary>
    public void Write(bool value) => _bytes.Write([value ? (byte)1 : (byte)0]);

    /// <summary>Writes four bytes.</summary>
    public void Write(int value) => Write(unchecked((uint)value));

    /// <summary>Writes four bytes.</summary>
    public void Write(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.GetSpan(sizeof(uint)), value);
        _bytes.Advance(sizeof(uint));
    }

    /// <summary>Writes eight bytes.</summary>
    public void Write(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.GetSpan(sizeof(ulong)), value);
        _bytes.Advance(sizeof(ulong));
    }

    /// <summary>Writes the bits of a float32.</summary>
    public void Write(float value) => Write(BitConverter.SingleToUInt32Bits(value));

    /// <summary>Writes the bits of a float64.</summary>
    public void Write(double value) => Write(BitConverter.DoubleToUInt64Bits(value));

    /// <summary>Writes a text's length in UTF-8 bytes and the bytes.</summary>
    public void Write(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Write(utf8.Length);
        _bytes.Write(utf8);
    }

    /// <summary>Writes a tensor's length and elements.</summary>
    public void Write(ReadOnlySpan<float> values)
    {
        Write(values.Length);
        _bytes.Write(MemoryMarshal.AsBytes(values));
    }

    /// <summary>Writes the count and the elements.</summary>
    public void Write(ReadOnlySpan<uint> values)
    {
        Write(values.Length);
        _bytes.Write(MemoryMarshal.AsBytes(values));
    }
}
