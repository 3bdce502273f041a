using System.Buffers.Binary;
using System.Text;

namespace Brownian.Formats.Images;

/// <summary>Reads and writes the EXIF field UserComment of JPEG and WebP files (Exif 2.32, 4.6.5; RFC 9649 for WebP's container).</summary>
public static class ExifComment
{
    private const ushort ExifPointer = 0x8769;
    private const ushort UserComment = 0x9286;
    private const ushort Long = 4;
    private const ushort Undefined = 7;

    private const int FirstDirectory = 8, DirectoryLength = 2 + 12 + 4;
    private const int ExifDirectory = FirstDirectory + DirectoryLength, Data = ExifDirectory + DirectoryLength;
    private const int CodeLength = 8;

    /// <summary>Whether a file begins with the signature of JPEG.</summary>
    public static bool IsJpeg(ReadOnlySpan<byte> bytes) => bytes.StartsWith<byte>([0xFF, 0xD8, 0xFF]);

    /// <summary>Whether a file begins with the signature of WebP.</summary>
    public static bool IsWebp(ReadOnlySpan<byte> bytes) => bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8);

    /// <summary>The largest size of the settings' text in a JPEG file, in bytes: a segment's length has 16 bits and includes itself.</summary>
    public const int MaxJpegBytes = ushort.MaxValue - 2 - 6 - Data - CodeLength;

    /// <summary>Whether a text fits into a JPEG file, in one of the encodings of <see cref="InsertIntoJpeg"/>.</summary>
    public static bool FitsJpeg(string text) => 2 * text.Length <= MaxJpegBytes || Encoding.UTF8.GetByteCount(text) <= MaxJpegBytes;

    /// <summary>Inserts an APP1 segment with the text directly after the file's start marker.</summary>
    /// <remarks>
    /// Texts that are too long for a segment in UTF-16 are written in ASCII or, with the character code for undefined encodings, in UTF-8. The
    /// standard does not allow a block that continues in further segments (Exif 3.0, 4.5.4: up to 64 KiB): some programs join the segments, others
    /// read only the first one, or refuse the file. A text that does not fit into a segment is therefore refused before an image is made.
    /// </remarks>
    /// <param name="jpeg">The file.</param>
    /// <param name="text">A text that <see cref="FitsJpeg"/> accepts.</param>
    public static byte[] InsertIntoJpeg(ReadOnlySpan<byte> jpeg, string text)
    {
        byte[] exif = 2 * text.Length <= MaxJpegBytes ? Block(text)
            : FitsJpeg(text) ? Block(Ascii.IsValid(text) ? CommentText.Ascii : CommentText.Undefined, Encoding.UTF8.GetBytes(text))
            : throw new ArgumentException($"A JPEG file can contain settings of up to {MaxJpegBytes} bytes", nameof(text));
        int length = 2 + ExifBlock.AppMarker.Length + exif.Length;
        return [.. jpeg[..2], 0xFF, 0xE1, (byte)(length >> 8), (byte)length, .. ExifBlock.AppMarker, .. exif, .. jpeg[2..]];
    }

    /// <summary>Converts the file to the extended container and appends an EXIF chunk.</summary>
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
    public static string? ReadFromJpeg(ReadOnlySpan<byte> jpeg) => Read(ExifBlock.InJpeg(jpeg));

    /// <exception cref="InvalidDataException">The chunks are damaged.</exception>
    public static string? ReadFromWebp(ReadOnlySpan<byte> webp) => Read(ExifBlock.InWebp(webp));

    /// <summary>Creates a big-endian TIFF block: one directory that points to another one, whose only field is the comment.</summary>
    private static byte[] Block(ReadOnlySpan<byte> code, ReadOnlySpan<byte> text)
    {
        var block = new byte[Data + CodeLength + text.Length];
        "MM\0*"u8.CopyTo(block);
        BinaryPrimitives.WriteInt32BigEndian(block.AsSpan(4), FirstDirectory);
        WriteDirectory(block.AsSpan(FirstDirectory), ExifPointer, Long, 1, ExifDirectory);
        WriteDirectory(block.AsSpan(ExifDirectory), UserComment, Undefined, CodeLength + text.Length, Data);
        code.CopyTo(block.AsSpan(Data));
        text.CopyTo(block.AsSpan(Data + CodeLength));
        return block;
    }

    private static byte[] Block(string text) => Block(CommentText.Unicode, Encoding.BigEndianUnicode.GetBytes(text));

    private static void WriteDirectory(Span<byte> at, ushort tag, ushort type, int count, int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(at, 1);
        BinaryPrimitives.WriteUInt16BigEndian(at[2..], tag);
        BinaryPrimitives.WriteUInt16BigEndian(at[4..], type);
        BinaryPrimitives.WriteInt32BigEndian(at[6..], count);
        BinaryPrimitives.WriteInt32BigEndian(at[10..], value);
    }

    /// <summary>Returns the comment of a TIFF block; null when it has none.</summary>
    public static string? Read(ReadOnlySpan<byte> tiff)
    {
        if (!ExifBlock.IsTiff(tiff))
        {
            return null;
        }
        bool big = ExifBlock.IsBig(tiff);
        if (ExifBlock.Field(tiff, ExifBlock.ReadInt32(tiff, 4, big), ExifPointer) is not { } pointer
            || ExifBlock.Field(tiff, ExifBlock.ReadInt32(tiff, pointer.At, big), UserComment) is not { } field
            || field.Count < 1)
        {
            return null;
        }
        // A value that is no longer than an offset is stored in the offset's place.
        int start = field.Count <= 4 ? field.At : ExifBlock.ReadInt32(tiff, field.At, big);
        if (start < 0 || start > tiff.Length - field.Count)
        {
            return null;
        }
        return CommentText.OfComment(tiff.Slice(start, field.Count), big, CommentText.IsOwn) is { Length: > 0 } text ? text : null;
    }

    private static void WriteInt24(Span<byte> at, int value)
    {
        at[0] = (byte)value;
        at[1] = (byte)(value >> 8);
        at[2] = (byte)(value >> 16);
    }
}
