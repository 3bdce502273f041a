using System.Buffers.Binary;
using System.Text;

namespace Brownian.Inference.Images;

/// <summary>The EXIF field UserComment of JPEG and WebP files (Exif 2.32, 4.6.5; RFC 9649 for WebP's container).</summary>
internal static class ExifComment
{
    private const ushort ExifPointer = 0x8769;
    private const ushort UserComment = 0x9286;
    private const ushort Long = 4;
    private const ushort Undefined = 7;

    private static ReadOnlySpan<byte> Unicode => "UNICODE\0"u8;

    public static bool IsJpeg(ReadOnlySpan<byte> bytes) => bytes.StartsWith<byte>([0xFF, 0xD8, 0xFF]);

    public static bool IsWebp(ReadOnlySpan<byte> bytes) => bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8);

    /// <summary>
    /// The file with an APP1 segment right after its start. Of longer texts than a segment holds the first lines, the prompts, are cut; the last
    /// one stays.
    /// </summary>
    public static byte[] InsertIntoJpeg(ReadOnlySpan<byte> jpeg, string text)
    {
        // A segment's length is 16 bits and counts itself; the block around the text takes 60 bytes.
        const int MostCharacters = (ushort.MaxValue - 100) / 2;
        if (text.Length > MostCharacters)
        {
            int last = text.LastIndexOf('\n');
            text = text[..(MostCharacters - (text.Length - last))] + text[last..];
        }
        byte[] exif = Block(text);
        int length = 2 + ExifBlock.AppMarker.Length + exif.Length;
        return [.. jpeg[..2], 0xFF, 0xE1, (byte)(length >> 8), (byte)length, .. ExifBlock.AppMarker, .. exif, .. jpeg[2..]];
    }

    /// <summary>The file in the extended container with an EXIF chunk at its end.</summary>
    public static byte[] InsertIntoWebp(ReadOnlySpan<byte> webp, string text, int width, int height)
    {
        const int ExifFlag = 0x08;
        ReadOnlySpan<byte> chunks = webp[12..];
        var header = new byte[18];
        "VP8X"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), 10);
        header[8] = ExifFlag;
        WriteInt24(header.AsSpan(12), width - 1);
        WriteInt24(header.AsSpan(15), height - 1);
        byte[] exif = Block(text);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, exif.Length);
        byte[] body = [.. "WEBP"u8, .. header, .. chunks, .. "EXIF"u8, .. length, .. exif, .. exif.Length % 2 == 0 ? [] : new byte[1]];
        var size = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, body.Length);
        return [.. "RIFF"u8, .. size, .. body];
    }

    /// <exception cref="InvalidDataException">The segments are damaged.</exception>
    public static string? ReadFromJpeg(ReadOnlySpan<byte> jpeg) => Comment(ExifBlock.InJpeg(jpeg));

    /// <exception cref="InvalidDataException">The chunks are damaged.</exception>
    public static string? ReadFromWebp(ReadOnlySpan<byte> webp) => Comment(ExifBlock.InWebp(webp));

    /// <summary>A big-endian TIFF block with one directory that points to another with one field, the comment.</summary>
    private static byte[] Block(string text)
    {
        byte[] comment = [.. Unicode, .. Encoding.BigEndianUnicode.GetBytes(text)];
        const int FirstDirectory = 8, DirectoryLength = 2 + 12 + 4, ExifDirectory = FirstDirectory + DirectoryLength, Data = ExifDirectory + DirectoryLength;
        var block = new byte[Data + comment.Length];
        "MM\0*"u8.CopyTo(block);
        BinaryPrimitives.WriteInt32BigEndian(block.AsSpan(4), FirstDirectory);
        WriteDirectory(block.AsSpan(FirstDirectory), ExifPointer, Long, 1, ExifDirectory);
        WriteDirectory(block.AsSpan(ExifDirectory), UserComment, Undefined, comment.Length, Data);
        comment.CopyTo(block, Data);
        return block;
    }

    private static void WriteDirectory(Span<byte> at, ushort tag, ushort type, int count, int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(at, 1);
        BinaryPrimitives.WriteUInt16BigEndian(at[2..], tag);
        BinaryPrimitives.WriteUInt16BigEndian(at[4..], type);
        BinaryPrimitives.WriteInt32BigEndian(at[6..], count);
        BinaryPrimitives.WriteInt32BigEndian(at[10..], value);
    }

    private static string? Comment(ReadOnlySpan<byte> tiff)
    {
        if (!ExifBlock.IsTiff(tiff))
        {
            return null;
        }
        bool big = ExifBlock.IsBig(tiff);
        if (ExifBlock.Field(tiff, ExifBlock.ReadInt32(tiff, 4, big), ExifPointer) is not { } pointer
            || ExifBlock.Field(tiff, ExifBlock.ReadInt32(tiff, pointer.At, big), UserComment) is not { } field
            || field.Count < Unicode.Length)
        {
            return null;
        }
        int start = ExifBlock.ReadInt32(tiff, field.At, big);
        if (start < 0 || start > tiff.Length - field.Count)
        {
            return null;
        }
        ReadOnlySpan<byte> comment = tiff.Slice(start, field.Count);
        ReadOnlySpan<byte> text = comment[Unicode.Length..];
        if (comment.StartsWith(Unicode))
        {
            return (big ? Encoding.BigEndianUnicode : Encoding.Unicode).GetString(text);
        }
        return Encoding.UTF8.GetString(text);
    }

    private static void WriteInt24(Span<byte> at, int value)
    {
        at[0] = (byte)value;
        at[1] = (byte)(value >> 8);
        at[2] = (byte)(value >> 16);
    }
}
