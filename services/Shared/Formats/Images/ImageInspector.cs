using Brownian.Formats.Files;

namespace Brownian.Formats.Images;

/// <summary>Reads properties of image files without decoding pixels: PNG, JPEG, WebP and GIF.</summary>
public static class ImageInspector
{
    /// <summary>The largest number of pixels of an image.</summary>
    public const int MaxPixels = 64_000_000;

    /// <summary>The largest number of pixels on a side, which is the limit of JPEG and GIF.</summary>
    public const int MaxSide = ushort.MaxValue;

    /// <summary>
    /// Returns the size of the decoded image after applying its orientation. The file's structure is checked to its end without decoding pixels,
    /// because a small file may contain an image of hundreds of megabytes. Damage within the compressed pixels is not detected.
    /// </summary>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidDataException">
    /// The file is not an image, ends early, is damaged, or has more pixels than allowed. The message is to be appended to a field's name.
    /// </exception>
    public static (int Width, int Height) Inspect(ReadOnlySpan<byte> file)
    {
        switch (ImageFormats.MediaTypeOf(file))
        {
            case "image/png":
                return PngReader.Inspect(file);
            case "image/gif":
                return GifReader.Inspect(file);
            case "image/jpeg":
                (int width, int height) = JpegStructure.SizeOf(file);
                return Oriented(width, height, ExifBlock.Orientation(ExifBlock.InJpeg(file)));
            case "image/webp":
                (width, height) = WebpStructure.SizeOf(file);
                return Oriented(width, height, ExifBlock.Orientation(ExifBlock.InWebp(file)));
            default:
                throw Unknown(file);
        }
    }

    /// <summary>Returns a size after applying the orientation.</summary>
    public static (int Width, int Height) Oriented(int width, int height, int orientation) =>
        orientation is >= 5 and <= 8 ? (height, width) : (width, height);

    /// <summary>
    /// Whether a file's levels are clipped at 255 instead of scaled to 8 bits, which holds for grey PNG files of 16 bits without alpha, as Pillow
    /// converts them.
    /// </summary>
    /// <param name="file">A whole image file.</param>
    public static bool CutsLevels(ReadOnlySpan<byte> file)
    {
        // IHDR: signature 8, length and type 8, sides 8; then the bit depth and the colour type (PNG 1.2, 4.1.1).
        const int Depth = 24, ColourType = 25;
        return PngText.IsPng(file) && file.Length > ColourType && file[Depth] == 16 && file[ColourType] == 0;
    }

    /// <exception cref="InvalidDataException">A side is 0, or there are too many pixels.</exception>
    public static void CheckSize(long width, long height)
    {
        if (width < 1 || height < 1 || width > MaxSide || height > MaxSide || width * height > MaxPixels)
        {
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"is {width}x{height} pixels; allowed: 1..{MaxSide} on each side and at most {MaxPixels / 1_000_000} megapixels"));
        }
    }

    /// <summary>Creates the exception for a file that is not an image; the message is to be appended to a field's name.</summary>
    public static InvalidDataException Unknown(ReadOnlySpan<byte> file) =>
        new(MistakenFile.Describe(file) is { } mistaken ? "is " + mistaken : "is not a PNG, JPEG, WebP or GIF file");
}
