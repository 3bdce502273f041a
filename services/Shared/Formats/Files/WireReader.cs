using System.Text;

namespace Brownian.Formats.Files;

/// <summary>
/// Reads Protocol Buffers' wire format (protobuf.dev, "Encoding") from a seekable stream, so that a graph's structure is read without reading its
/// gigabytes of weights.
/// </summary>
/// <param name="stream">The stream, owned by the caller.</param>
public sealed class WireReader(Stream stream)
{
    /// <summary>The wire type of variable-length integers.</summary>
    public const int Varint = 0;
    /// <summary>The wire type of eight bytes.</summary>
    public const int Fixed64 = 1;
    /// <summary>The wire type of length-delimited values: strings, bytes and messages.</summary>
    public const int Delimited = 2;
    /// <summary>The wire type of four bytes.</summary>
    public const int Fixed32 = 5;

    private const int MaxTextLength = 1 << 20;

    private readonly long _length = stream.Length;

    /// <summary>The position of the next byte.</summary>
    public long Position { get; private set; } = stream.Position;

    /// <summary>Returns the number of bytes of a variable-length integer.</summary>
    public static int SizeOfVarint(ulong value)
    {
        int size = 1;
        for (; value >= 0x80; value >>= 7)
        {
            size++;
        }
        return size;
    }

    /// <summary>Reads the next field's number and type.</summary>
    /// <exception cref="InvalidDataException">There is no valid tag at this position.</exception>
    public (int Field, int Type) ReadTag()
    {
        ulong tag = ReadVarint();
        int field = (int)Math.Min(tag >> 3, int.MaxValue), type = (int)(tag & 7);
        return field > 0 && type is Varint or Fixed64 or Delimited or Fixed32
            ? (field, type)
            : throw new InvalidDataException($"at byte {Position} is the tag {tag}, which is invalid");
    }

    /// <exception cref="InvalidDataException">The bytes end, or the number is longer than 64 bits.</exception>
    public ulong ReadVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            int next = stream.ReadByte();
            if (next < 0)
            {
                throw new InvalidDataException($"it ends within a number, at byte {Position}");
            }
            Position++;
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
        throw new InvalidDataException($"a number before byte {Position} is longer than 64 bits");
    }

    /// <summary>Reads a length, and returns the end of the bytes that it delimits.</summary>
    /// <param name="end">The end of the enclosing message.</param>
    /// <exception cref="InvalidDataException">The bytes would exceed the enclosing message.</exception>
    public long ReadEnd(long end)
    {
        ulong length = ReadVarint();
        return length <= (ulong)Math.Max(0, Math.Min(end, _length) - Position)
            ? Position + (long)length
            : throw new InvalidDataException($"{length} bytes are stated at byte {Position}, more than the file has");
    }

    /// <summary>Reads a string.</summary>
    public string ReadText(long end)
    {
        int length = (int)Math.Min(ReadEnd(end) - Position, MaxTextLength + 1L);
        if (length > MaxTextLength)
        {
            throw new InvalidDataException($"the text at byte {Position} is longer than {MaxTextLength} bytes");
        }
        byte[] bytes = new byte[length];
        ReadBytes(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Fills a buffer.</summary>
    public void ReadBytes(Span<byte> bytes)
    {
        stream.ReadExactly(bytes);
        Position += bytes.Length;
    }

    /// <summary>Moves to a position.</summary>
    public void Seek(long position)
    {
        stream.Seek(position, SeekOrigin.Begin);
        Position = position;
    }

    /// <summary>Skips a field's value.</summary>
    public void Skip(int type, long end)
    {
        switch (type)
        {
            case Varint:
                ReadVarint();
                break;
            case Delimited:
                Seek(ReadEnd(end));
                break;
            default:
                Seek(Position + (type == Fixed64 ? sizeof(ulong) : sizeof(uint)));
                break;
        }
        if (Position > Math.Min(end, _length))
        {
            throw new InvalidDataException($"a field exceeds its message, at byte {Position}");
        }
    }
}
