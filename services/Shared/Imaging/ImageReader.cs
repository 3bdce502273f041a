using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Brownian.Formats.Images;
using SkiaSharp;

namespace Brownian.Imaging;

/// <summary>
/// Reads images from the bytes of files: PNG, JPEG, WebP and the first frame of GIF, with the same levels as Pillow: oriented by EXIF, without color
/// management, and with alpha separate from the colors. PNG and GIF have readers of their own, because the library preserves neither 16-bit samples
/// as Pillow does nor the colors of transparent pixels in GIF.
/// </summary>
public static class ImageReader
{
    /// <summary>The first scan has at least one bit for each block of 8 x 8 samples (ITU-T T.81, F.1.2 and G.1.2).</summary>
    private const int MaxPixelsOfJpegByte = 8 * 64;

    /// <summary>Reads the image in a file.</summary>
    /// <param name="file">The whole file.</param>
    /// <returns>
    /// An image of 1 channel for gray PNG files, of 4 when the file has alpha, otherwise of 3. The reference's <c>load_image</c> then applies
    /// <see cref="Raster.ToRgb"/>, also to masks.
    /// </returns>
    /// <exception cref="InvalidDataException">
    /// The file is not of a supported format, ends early, is damaged, or has more pixels than allowed. Too many pixels are detected in the header
    /// before any pixel is decoded. The message is the continuation of a field's name.
    /// </exception>
    public static Raster Read(ReadOnlySpan<byte> file) => ImageFormats.MediaTypeOf(file) switch
    {
        "image/png" => PngReader.Read(file),
        "image/gif" => GifReader.Read(file),
        "image/jpeg" => Decode(WholeJpeg(file), "JPEG", MaxPixelsOfJpegByte).Orient(ExifBlock.Orientation(ExifBlock.InJpeg(file))),
        "image/webp" => Decode(WholeWebp(file), "WebP").Orient(ExifBlock.Orientation(ExifBlock.InWebp(file))),
        _ => throw ImageInspector.Unknown(file),
    };

    /// <param name="file">The whole file.</param>
    /// <param name="format">The format's name in messages.</param>
    /// <param name="maxPixels">The most pixels that a byte of the file can hold; null where a few bytes can hold an image of any size.</param>
    private static Raster Decode(ReadOnlySpan<byte> file, string format, int? maxPixels = null)
    {
        using SKData data = SKData.CreateCopy(file);
        using SKCodec codec = SKCodec.Create(data) ?? throw new InvalidDataException($"is a {format} file that cannot be decoded");
        int width = codec.Info.Width, height = codec.Info.Height;
        ImageInspector.CheckSize(width, height);
        // A header alone must not reserve memory for the pixels that it states.
        if (maxPixels is { } most && (long)width * height > (long)file.Length * most)
        {
            throw new InvalidDataException($"is a {format} file that ends early");
        }
        bool opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
        var rgba = new byte[4 * width * height];
        GCHandle pin = GCHandle.Alloc(rgba, GCHandleType.Pinned);
        try
        {
            // Without a color space, the levels of the file are preserved.
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
        // Before the scan, the end marker of a thumbnail could be found.
        return position < jpeg.Length && jpeg[position..].IndexOf(end) >= 0 ? jpeg : throw new InvalidDataException("is a JPEG file that ends early");
    }

    private static ReadOnlySpan<byte> WholeWebp(ReadOnlySpan<byte> webp)
    {
        // The library decodes files whose chunks are damaged as far as it can.
        ImageInspector.Inspect(webp);
        return webp;
    }
}
