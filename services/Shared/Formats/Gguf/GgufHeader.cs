using System.Buffers.Binary;
using System.Text;
using Brownian.Formats.Files;
using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Gguf;

/// <summary>Reads values of a GGUF header one after the other, through a buffer.</summary>
internal sealed class GgufHeader
{
    /// <summary>The largest text, in bytes: templates of prompts have tens of thousands.</summary>
    private const ulong MaxText = 1 << 20;

    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly SafeFileHandle _handle;
    private long _start;
    private int _filled;

    /// <summary>Begins at the start of the file.</summary>
    public GgufHeader(SafeFileHandle handle, string name) => (_handle, Name, Length) = (handle, name, RandomAccess.GetLength(handle));

    /// <summary>The file's name in messages.</summary>
    public string Name { get; }

    /// <summary>The length of the file.</summary>
    public long Length { get; }

    /// <summary>The position of the next byte.</summary>
    public long Position { get; private set; }

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    /// <summary>Reads an integer of 1, 2, 4 or 8 bytes.</summary>
    public Int128 Whole(int size, bool isSigned)
    {
        ReadOnlySpan<byte> bytes = Take(size);
        ulong value = 0;
        for (int i = size - 1; i >= 0; i--)
        {
            value = (value << 8) | bytes[i];
        }
        int unused = 64 - (8 * size);
        return isSigned ? (long)(value << unused) >> unused : value;
    }

    /// <summary>Reads a text.</summary>
    public string Text()
    {
        ulong length = UInt64();
        if (length > MaxText)
        {
            throw Damaged($"the text before byte {Position} has {length} bytes; allowed: {MaxText}");
        }
        byte[] bytes = new byte[length];
        for (int done = 0; done < bytes.Length;)
        {
            int part = Math.Min(bytes.Length - done, _buffer.Length);
            Take(part).CopyTo(bytes.AsSpan(done));
            done += part;
        }
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Skips a text of any length.</summary>
    public void SkipText()
    {
        ulong length = UInt64();
        Skip(length > long.MaxValue ? long.MaxValue : (long)length);
    }

    /// <summary>Skips bytes.</summary>
    public void Skip(long count) => Position = count <= Length - Position ? Position + count : throw Ended();

    /// <summary>Returns a fault of the file.</summary>
    public ModelException Damaged(string what) => new($"{Name} is a damaged GGUF file: {what}");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > Length - Position)
        {
            throw Ended();
        }
        if (Position < _start || Position + count > _start + _filled)
        {
            _start = Position;
            _filled = (int)Math.Min(_buffer.Length, Length - Position);
            FilePart.Read(_handle, _start, _buffer.AsSpan(0, _filled), Name);
        }
        Position += count;
        return _buffer.AsSpan((int)(Position - count - _start), count);
    }

    private ModelException Ended() => Damaged($"it ends within its header, at byte {Length}: the download or the copy did not finish");
}
