using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Brownian.Inference.Models;
using SkiaSharp;

namespace Brownian.Inference.Images;

/// <summary>
/// Pictures from the bytes of files: PNG, JPEG, WebP and the first frame of GIF, with the levels that Pillow gives: turned upright as EXIF says,
/// no colour management, alpha kept apart from the colours. PNG and GIF are read here, since the library neither keeps 16-bit samples as Pillow
/// does nor the colours behind transparent pixels of GIF.
/// </summary>
public static class PictureReader
{
    /// <summary>The most pixels that a picture may have.</summary>
    public const int MostPixels = 64_000_000;

    /// <summary>The most pixels on a side: what JPEG and GIF can say at most.</summary>
    public const int MostSide = ushort.MaxValue;

    /// <summary>The picture in a file.</summary>
    /// <param name="file">The whole file.</param>
    /// <returns>
    /// 1 channel for grey PNG files, 4 where the file has alpha, otherwise 3. The reference's <c>load_image</c> goes on with
    /// <see cref="Raster.ToRgb"/>, for masks too.
    /// </returns>
    /// <exception cref="InvalidDataException">
    /// It is no such file, ends early, is damaged, or has more pixels than allowed; the header says so before any pixel is decoded. The message
    /// goes on after a field's name.
    /// </exception>
    public static Raster Read(ReadOnlySpan<byte> file) => ImageFile.MediaTypeOf(file) switch
    {
        "image/png" => PngReader.Read(file),
        "image/gif" => GifReader.Read(file),
        "image/jpeg" => Decode(WholeJpeg(file), "JPEG").Orient(ExifBlock.Orientation(ExifBlock.InJpeg(file))),
        "image/webp" => Decode(WholeWebp(file), "WebP").Orient(ExifBlock.Orientation(ExifBlock.InWebp(file))),
        _ => throw Unknown(file),
    };

    /// <summary>
    /// The size of the picture that <see cref="Read"/> gives, with the file's structure checked to its end and no pixel decoded: a small file may
    /// hold a picture of hundreds of megabytes. What is damaged within the compressed pixels is not found.
    /// </summary>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidDataException">As of <see cref="Read"/>.</exception>
    public static (int Width, int Height) Inspect(ReadOnlySpan<byte> file)
    {
        switch (ImageFile.MediaTypeOf(file))
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

    /// <summary>A size after a picture was turned upright.</summary>
    internal static (int Width, int Height) Oriented(int width, int height, int orientation) =>
        orientation is >= 5 and <= 8 ? (height, width) : (width, height);

    /// <summary>
    /// Whether a file's levels are cut off at 255 instead of being scaled to 8 bits: grey PNG files of 16 bits without alpha, as Pillow converts
    /// them.
    /// </summary>
    /// <param name="file">A whole file that <see cref="Read"/> reads.</param>
    public static bool CutsLevels(ReadOnlySpan<byte> file)
    {
        // IHDR: signature 8, length and type 8, sides 8; then the bits of a sample and the type of colours (PNG 1.2, 4.1.1).
        const int Depth = 24, ColourType = 25;
        return PngText.IsPng(file) && file.Length > ColourType && file[Depth] == 16 && file[ColourType] == 0;
    }

    /// <exception cref="InvalidDataException">A side is 0, or there are too many pixels.</exception>
    internal static void CheckSize(long width, long height)
    {
        if (width < 1 || height < 1 || width > MostSide || height > MostSide || width * height > MostPixels)
        {
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"is {width}x{height} pixels; allowed: 1..{MostSide} on each side and at most {MostPixels / 1_000_000} megapixels"));
        }
    }

    private static InvalidDataException Unknown(ReadOnlySpan<byte> file) =>
        new(MistakenFile.Describe(file) is { } mistaken ? "is " + mistaken : "is not a PNG, JPEG, WebP or GIF file");

    private static Raster Decode(ReadOnlySpan<byte> file, string format)
    {
        using SKData data = SKData.CreateCopy(file);
        using SKCodec codec = SKCodec.Create(data) ?? throw new InvalidDataException($"is a {format} file that cannot be decoded");
        int width = codec.Info.Width, height = codec.Info.Height;
        CheckSize(width, height);
        bool opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
        var rgba = new byte[4 * width * height];
        GCHandle pin = GCHandle.Alloc(rgba, GCHandleType.Pinned);
        try
        {
            // No colour space: the numbers stay as they are in the file.
            var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
            switch (codec.GetPixels(info, pin.AddrOfPinnedObject()))
            {
                case SKCodecResult.Success:
                    break;
                case SKCodecResult.IncompleteInput:
                    throw new InvalidDataException($"is a {format} file that ends early");
                default:
                    throw new InvalidDataException($"is a {format} file whose pixels are damaged");
            }
        }
        finally
        {
            pin.Free();
        }
        var image = new Raster(width, height, 4, rgba);
        return opaque ? image.ToRgb() : image;
    }

    private static ReadOnlySpan<byte> WholeJpeg(ReadOnlySpan<byte> jpeg)
    {
        ReadOnlySpan<byte> startOfScan = [0xFF, 0xDA], end = [0xFF, 0xD9];
        int position = 2;
        while (position + 4 <= jpeg.Length && jpeg[position] == 0xFF && !jpeg[position..].StartsWith(startOfScan))
        {
            position += 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg[(position + 2)..]);
        }
        // Before the scan, a thumbnail has an end of its own.
        return position < jpeg.Length && jpeg[position..].IndexOf(end) >= 0 ? jpeg : throw new InvalidDataException("is a JPEG file that ends early");
    }

    private static ReadOnlySpan<byte> WholeWebp(ReadOnlySpan<byte> webp)
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(webp[4..]);
        return length <= webp.Length - 8 ? webp : throw new InvalidDataException("is a WebP file that ends early");
    }
}
