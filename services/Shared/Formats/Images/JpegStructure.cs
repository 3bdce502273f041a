using System.Buffers.Binary;

namespace Brownian.Formats.Images;

/// <summary>Parses the markers of JPEG files (ITU-T T.81, annex B), without the pixels.</summary>
internal static class JpegStructure
{
    private const byte Fill = 0xFF, StartOfImage = 0xD8, EndOfImage = 0xD9, StartOfScan = 0xDA, Temporary = 0x01, FirstRestart = 0xD0,
        LastRestart = 0xD7;

    /// <summary>Returns the size in the frame header, and checks every segment's length up to the end of the image.</summary>
    /// <exception cref="InvalidDataException">The file ends early, has no frame, or has too many pixels.</exception>
    public static (int Width, int Height) SizeOf(ReadOnlySpan<byte> jpeg)
    {
        (int Width, int Height)? size = null;
        bool hasScan = false;
        int at = 2;
        while (true)
        {
            byte marker = NextMarker(jpeg, ref at);
            if (marker == EndOfImage)
            {
                return size is { } known && hasScan ? known : throw new InvalidDataException("is a JPEG file without pixels");
            }
            if (marker is StartOfImage or Temporary or (>= FirstRestart and <= LastRestart))
            {
                continue;
            }
            int length = jpeg.Length - at < 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(jpeg[at..]);
            if (length < 2 || length > jpeg.Length - at)
            {
                throw Truncated();
            }
            if (IsFrame(marker))
            {
                // Decoders use the first frame or refuse the file.
                if (length < 8 || size is not null)
                {
                    throw new InvalidDataException("is a JPEG file whose frame is damaged");
                }
                size = (BinaryPrimitives.ReadUInt16BigEndian(jpeg[(at + 5)..]), BinaryPrimitives.ReadUInt16BigEndian(jpeg[(at + 3)..]));
                ImageInspector.CheckSize(size.Value.Width, size.Value.Height);
            }
            hasScan |= marker == StartOfScan;
            at += length;
        }
    }

    /// <summary>
    /// Whether a marker is a start of frame of any process: C0 to CF except for Huffman tables, an extension and arithmetic conditioning.
    /// </summary>
    private static bool IsFrame(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    /// <summary>Finds the next marker. The bytes before it are fill bytes and the pixels of a scan, in which FF is followed by 0.</summary>
    private static byte NextMarker(ReadOnlySpan<byte> jpeg, ref int at)
    {
        while (true)
        {
            int found = at < jpeg.Length ? jpeg[at..].IndexOf(Fill) : -1;
            if (found < 0 || at + found + 1 >= jpeg.Length)
            {
                throw Truncated();
            }
            at += found + 1;
            if (jpeg[at] is not (0 or Fill))
            {
                return jpeg[at++];
            }
        }
    }

    private static InvalidDataException Truncated() => new("is a JPEG file that ends early");
}
