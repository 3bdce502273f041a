using Brownian.Formats.Files;

namespace Brownian.Formats.Images;

/// <summary>What files of images say without their pixels being decoded: PNG, JPEG, WebP and GIF.</summary>
public static class ImageInspector
{
    /// <summary>The most pixels that an image may have.</summary>
    public const int MaxPixels = 64_000_000;

    /// <summary>The most pixels on a side: what JPEG and GIF can say at most.</summary>
    public const int MaxSide = ushort.MaxValue;

    /// <summary>
    /// The size of the image that is decoded, turned upright, with the file's structure checked to its end and no pixel decoded: a small file may
    /// hold an image of hundreds of megabytes. What is damaged within the compressed pixels is not found.
    /// </summary>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidDataException">It is no such file, ends early, is damaged, or has more pixels than allowed. The message goes on after
    /// a field's name.</exception>
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

    /// <summary>A size after an image was turned upright.</summary>
    public static (int Width, int Height) Oriented(int width, int height, int orientation) =>
        orientation is >= 5 and <= 8 ? (height, width) : (width, height);

    /// <summary>
    /// Whether a file's levels are cut off at 255 instead of being scaled to 8 bits: grey PNG files of 16 bits without alpha, as Pillow converts
    /// them.
    /// </summary>
    /// <param name="file">A whole file of an image.</param>
    public static bool CutsLevels(ReadOnlySpan<byte> file)
    {
        // IHDR: signature 8, length and type 8, sides 8; then the bits of a sample and the type of colours (PNG 1.2, 4.1.1).
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

    /// <summary>What is wrong with a file that is none of an image; the message goes on after a field's name.</summary>
    public static InvalidDataException Unknown(ReadOnlySpan<byte> file) =>
        new(MistakenFile.Describe(file) is { } mistaken ? "is " + mistaken : "is not a PNG, JPEG, WebP or GIF file");
}
