using System.Buffers.Binary;
using System.Text;
using Brownian.Formats.Files;
using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Torch;

/// <summary>
/// Reads the directory of a zip archive (PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3), with positions of the files' bytes, which
/// .NET's archives do not tell. PyTorch stores files uncompressed, so that tensors can be read in place.
/// </summary>
internal static class ZipDirectory
{
    private const uint EndSignature = 0x06054B50;
    private const uint End64Signature = 0x06064B50;
    private const uint Locator64Signature = 0x07064B50;
    private const uint EntrySignature = 0x02014B50;
    private const uint LocalSignature = 0x04034B50;
    private const int EndBytes = 22;
    private const int Locator64Bytes = 20;
    private const int End64Bytes = 56;
    private const int EntryBytes = 46;
    private const int LocalBytes = 30;
    private const int MaxComment = ushort.MaxValue;

    /// <summary>The largest directory, in bytes: that of more than half a million files.</summary>
    private const long MaxDirectory = 64 << 20;

    /// <summary>Returns the files of an archive.</summary>
    /// <exception cref="ModelException">The archive is damaged, or a file is compressed or encrypted.</exception>
    public static IReadOnlyList<ZipEntry> Read(SafeFileHandle handle, string name)
    {
        long length = RandomAccess.GetLength(handle);
        byte[] tail = new byte[(int)Math.Min(length, EndBytes + Locator64Bytes + MaxComment)];
        long tailStart = length - tail.Length;
        FilePart.Read(handle, tailStart, tail, name);
        int end = tail.Length - EndBytes;
        while (end >= 0 && BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end)) != EndSignature)
        {
            end--;
        }
        if (end < 0)
        {
            throw Damaged(name, "its directory is missing: the download or the copy did not finish");
        }
        ReadOnlySpan<byte> record = tail.AsSpan(end);
        long count = BinaryPrimitives.ReadUInt16LittleEndian(record[10..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(record[12..]), start = BinaryPrimitives.ReadUInt32LittleEndian(record[16..]);
        if (end >= Locator64Bytes && BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end - Locator64Bytes)) == Locator64Signature)
        {
            long position = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(end - Locator64Bytes + 8));
            byte[] large = new byte[End64Bytes];
            if (position < 0 || position > length - End64Bytes)
            {
                throw Damaged(name, $"its directory's end would be at byte {position} of {length}");
            }
            FilePart.Read(handle, position, large, name);
            if (BinaryPrimitives.ReadUInt32LittleEndian(large) != End64Signature)
            {
                throw Damaged(name, $"its directory's end is not at byte {position}");
            }
            count = BinaryPrimitives.ReadInt64LittleEndian(large.AsSpan(32));
            size = BinaryPrimitives.ReadInt64LittleEndian(large.AsSpan(40));
            start = BinaryPrimitives.ReadInt64LittleEndian(large.AsSpan(48));
        }
        if (start < 0 || size < 0 || size > MaxDirectory || start > length - size || count < 0 || count > size / EntryBytes)
        {
            throw Damaged(name, $"its directory has {size} bytes from byte {start} for {count} files, and the archive has {length} bytes");
        }
        byte[] directory = new byte[size];
        FilePart.Read(handle, start, directory, name);
        var entries = new List<ZipEntry>();
        int next = 0;
        for (long i = 0; i < count; i++)
        {
            entries.Add(ReadEntry(handle, directory, ref next, length, name));
        }
        return entries;
    }

    private static ZipEntry ReadEntry(SafeFileHandle handle, byte[] directory, ref int next, long length, string name)
    {
        ReadOnlySpan<byte> entry = directory.AsSpan(next);
        if (entry.Length < EntryBytes || BinaryPrimitives.ReadUInt32LittleEndian(entry) != EntrySignature)
        {
            throw Damaged(name, $"its directory has no file at byte {next}");
        }
        int flags = BinaryPrimitives.ReadUInt16LittleEndian(entry[8..]), method = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]);
        long packed = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]), size = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
        int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[28..]), extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[30..]);
        int comment = BinaryPrimitives.ReadUInt16LittleEndian(entry[32..]);
        long local = BinaryPrimitives.ReadUInt32LittleEndian(entry[42..]);
        if (entry.Length < EntryBytes + nameBytes + extraBytes + comment)
        {
            throw Damaged(name, $"its directory ends within the file at byte {next}");
        }
        string path = Encoding.UTF8.GetString(entry.Slice(EntryBytes, nameBytes));
        ReadExtra(entry.Slice(EntryBytes + nameBytes, extraBytes), ref size, ref packed, ref local);
        next += EntryBytes + nameBytes + extraBytes + comment;
        if (method != 0 || packed != size || (flags & 1) != 0)
        {
            throw new ModelException(
                $"{name}: the file \"{path}\" of the archive is {((flags & 1) != 0 ? "encrypted" : "compressed")}, which PyTorch's are not: "
                    + "unpack the archive, or save the checkpoint again");
        }
        Span<byte> header = stackalloc byte[LocalBytes];
        if (local < 0 || local > length - LocalBytes)
        {
            throw Damaged(name, $"the file \"{path}\" would begin at byte {local} of {length}");
        }
        FilePart.Read(handle, local, header, name);
        int localName = BinaryPrimitives.ReadUInt16LittleEndian(header[26..]), localExtra = BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        long first = local + LocalBytes + localName + localExtra;
        return BinaryPrimitives.ReadUInt32LittleEndian(header) == LocalSignature && size >= 0 && first <= length - size
            ? new ZipEntry(path, first, size)
            : throw Damaged(name, $"the file \"{path}\" is not at byte {local}, or its {size} bytes exceed the archive");
    }

    /// <summary>Reads the 64-bit values of those that do not fit in 32 bits.</summary>
    private static void ReadExtra(ReadOnlySpan<byte> extra, ref long size, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int id = BinaryPrimitives.ReadUInt16LittleEndian(extra), bytes = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            extra = extra[4..];
            if (bytes > extra.Length)
            {
                return;
            }
            if (id == 1)
            {
                ReadOnlySpan<byte> values = extra[..bytes];
                Widen(ref values, ref size);
                Widen(ref values, ref packed);
                Widen(ref values, ref local);
            }
            extra = extra[bytes..];
        }
    }

    private static void Widen(ref ReadOnlySpan<byte> values, ref long value)
    {
        if (value == uint.MaxValue && values.Length >= sizeof(long))
        {
            value = BinaryPrimitives.ReadInt64LittleEndian(values);
            values = values[sizeof(long)..];
        }
    }

    private static ModelException Damaged(string name, string what) => new($"{name} is a damaged zip archive: {what}");
}
