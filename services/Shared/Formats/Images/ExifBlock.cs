using System.Buffers.Binary;

namespace Brownian.Formats.Images;

/// <summary>The TIFF block with an image's settings in JPEG, WebP and PNG files (Exif 2.32, 4.5; RFC 9649; PNG 3, 11.3.4.2).</summary>
public static class ExifBlock
{
    private const ushort OrientationTag = 0x0112;
    private const ushort Short = 3;

    internal static ReadOnlySpan<byte> AppMarker => "Exif\0\0"u8;

    /// <summary>Returns a JPEG file's block; empty when it has none.</summary>
    /// <exception cref="InvalidDataException">The segments are damaged.</exception>
    public static ReadOnlySpan<byte> InJpeg(ReadOnlySpan<byte> jpeg)
    {
        int position = 2;
        while (position + 4 <= jpeg.Length && jpeg[position] == 0xFF)
        {
            byte marker = jpeg[position + 1];
            const byte Fill = 0xFF, StartOfScan = 0xDA, FirstApp = 0xE1;
            if (marker == Fill)
            {
                // Any number of fill bytes may precede a marker (ITU T.81, B.1.1.2).
                position++;
                continue;
            }
            if (marker == StartOfScan)
            {
                return [];
            }
            int length = BinaryPrimitives.ReadUInt16BigEndian(jpeg[(position + 2)..]);
            if (length < 2 || position + 2 + length > jpeg.Length)
            {
                throw new InvalidDataException("is a JPEG file that ends early");
            }
            ReadOnlySpan<byte> segment = jpeg.Slice(position + 4, length - 2);
            if (marker == FirstApp && segment.StartsWith(AppMarker))
            {
                return segment[AppMarker.Length..];
            }
            position += 2 + length;
        }
        return [];
    }

    /// <summary>Returns a WebP file's block; empty when it has none.</summary>
    /// <exception cref="InvalidDataException">The chunks are damaged.</exception>
    public static ReadOnlySpan<byte> InWebp(ReadOnlySpan<byte> webp)
    {
        int position = 12;
        while (position + 8 <= webp.Length)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(webp[(position + 4)..]);
            if (length < 0 || length > webp.Length - position - 8)
            {
                throw new InvalidDataException("is a WebP file that ends early");
            }
            if (webp[position..].StartsWith("EXIF"u8))
            {
                ReadOnlySpan<byte> block = webp.Slice(position + 8, length);
                return block.StartsWith(AppMarker) ? block[AppMarker.Length..] : block;
            }
            position += 8 + length + length % 2;
        }
        return [];
    }

    /// <summary>Returns an image's orientation, 1..8; 1 when the block does not contain one or is damaged.</summary>
    public static int Orientation(ReadOnlySpan<byte> tiff) =>
        IsTiff(tiff) && Field(tiff, ReadInt32(tiff, 4, IsBig(tiff)), OrientationTag) is { } field
            ? field.Type == Short ? ReadUInt16(tiff, field.At, IsBig(tiff)) : ReadInt32(tiff, field.At, IsBig(tiff))
            : 1;

    internal static bool IsTiff(ReadOnlySpan<byte> tiff) => tiff.Length >= 8 && (tiff.StartsWith("MM"u8) || tiff.StartsWith("II"u8));

    internal static bool IsBig(ReadOnlySpan<byte> tiff) => tiff[0] == 'M';

    /// <summary>Finds a field of a directory: its type, its number of values, and the position of the values or of the offset to them.</summary>
    public static (int Type, int Count, int At)? Field(ReadOnlySpan<byte> tiff, int directory, ushort tag)
    {
        if (directory < 0 || directory > tiff.Length - 2)
        {
            return null;
        }
        bool big = IsBig(tiff);
        int fields = ReadUInt16(tiff, directory, big);
        for (int i = 0; i < fields; i++)
        {
            int at = directory + 2 + 12 * i;
            if (at > tiff.Length - 12)
            {
                return null;
            }
            if (ReadUInt16(tiff, at, big) == tag)
            {
                return (ReadUInt16(tiff, at + 2, big), ReadInt32(tiff, at + 4, big), at + 8);
            }
        }
        return null;
    }

    internal static int ReadInt32(ReadOnlySpan<byte> bytes, int at, bool big) =>
        big ? BinaryPrimitives.ReadInt32BigEndian(bytes[at..]) : BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);

    private static int ReadUInt16(ReadOnlySpan<byte> bytes, int at, bool big) =>
        big ? BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
}
