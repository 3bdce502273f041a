using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Brownian.Diffusion.State;

/// <summary>Reads the output of <see cref="StateWriter"/>, in the same order. Every mismatch throws an <see cref="InvalidDataException"/>.</summary>
/// <param name="bytes">The written bytes.</param>
public sealed class StateReader(ReadOnlyMemory<byte> bytes)
{
    private int _position;

    /// <summary>The number of bytes left.</summary>
    public int Remaining => bytes.Length - _position;

    /// <summary>Reads one byte, 0 or 1.</summary>
    public bool ReadBoolean() => Next(1)[0] switch
    {
        0 => false,
        1 => true,
        byte other => throw new InvalidDataException($"Saved state: a boolean is {other}"),
    };

    /// <summary>Reads four bytes.</summary>
    public int ReadInt32() => unchecked((int)ReadUInt32());

    /// <summary>Reads four bytes.</summary>
    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Next(sizeof(uint)));

    /// <summary>Reads eight bytes.</summary>
    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Next(sizeof(ulong)));

    /// <summary>Reads the bits of a float32.</summary>
    public float ReadSingle() => BitConverter.UInt32BitsToSingle(ReadUInt32());

    /// <summary>Reads the bits of a float64.</summary>
    public double ReadDouble() => BitConverter.UInt64BitsToDouble(ReadUInt64());

    /// <summary>Reads a text.</summary>
    public string ReadString() => Encoding.UTF8.GetString(Next(ReadInt32()));

    /// <summary>Reads a text that must be <paramref name="text"/>.</summary>
    public void Expect(string text)
    {
        string found = ReadString();
        if (found != text)
        {
            throw new InvalidDataException($"Saved state is of \"{found}\", not of \"{text}\"");
        }
    }

    /// <summary>Reads a tensor of any length.</summary>
    public float[] ReadSingles() => MemoryMarshal.Cast<byte, float>(Next((long)ReadInt32() * sizeof(float))).ToArray();

    /// <summary>Reads a tensor that must have the length of <paramref name="destination"/>.</summary>
    public void Read(Span<float> destination) => Read(MemoryMarshal.Cast<float, uint>(destination));

    /// <summary>Reads elements; their number must be the length of <paramref name="destination"/>.</summary>
    public void Read(Span<uint> destination)
    {
        int count = ReadInt32();
        if (count != destination.Length)
        {
            throw new InvalidDataException($"Saved state has {count} elements; allowed: {destination.Length}");
        }
        MemoryMarshal.Cast<byte, uint>(Next((long)count * sizeof(uint))).CopyTo(destination);
    }

    private ReadOnlySpan<byte> Next(long count)
    {
        if (count < 0 || count > Remaining)
        {
            throw new InvalidDataException($"Saved state ends early: {count} bytes wanted, {Remaining} left");
        }
        ReadOnlySpan<byte> next = bytes.Span.Slice(_position, (int)count);
        _position += (int)count;
        return next;
    }
}
