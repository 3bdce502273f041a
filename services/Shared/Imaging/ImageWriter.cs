using System.Runtime.InteropServices;
using Brownian.Formats.Images;
using Brownian.Requests;
using SkiaSharp;

namespace Brownian.Imaging;

/// <summary>Writes images to the bytes of files. The bytes depend only on the pixels, the settings and the library's version.</summary>
public static class ImageWriter
{
    /// <summary>Returns a file's bytes.</summary>
    /// <param name="image">The image.</param>
    /// <param name="output">The format, the quality and whether the settings are embedded.</param>
    /// <param name="parameters">The settings text of the image.</param>
    public static byte[] Encode(PixelImage image, OutputSettings output, string parameters)
    {
        byte[] rgba = image.ToRgba().Pixels;
        var info = new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        GCHandle pin = GCHandle.Alloc(rgba, GCHandleType.Pinned);
        try
        {
            using var pixels = new SKPixmap(info, pin.AddrOfPinnedObject());
            using SKData data = (output.Format switch
            {
                ImageFormat.Png => pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, 6)),
                ImageFormat.Jpeg =>
                    pixels.Encode(new SKJpegEncoderOptions(output.Quality, SKJpegEncoderDownsample.Downsample444, SKJpegEncoderAlphaOption.Ignore)),
                ImageFormat.Webp => pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, output.Quality)),
                _ => throw new ArgumentOutOfRangeException(nameof(output), output.Format, null),
            }) ?? throw new InvalidOperationException($"{image.Width}x{image.Height} pixels cannot be written as {output.Format}");
            byte[] bytes = data.ToArray();
            if (!output.Metadata)
            {
                return bytes;
            }
            return output.Format switch
            {
                ImageFormat.Png => PngText.Insert(bytes, parameters),
                ImageFormat.Jpeg => ExifComment.InsertIntoJpeg(bytes, parameters),
                _ => ExifComment.InsertIntoWebp(bytes, parameters, image.Width, image.Height),
            };
        }
        finally
        {
            pin.Free();
        }
    }

    /// <summary>Returns a preview as a PNG file, without settings.</summary>
    /// <param name="image">The image.</param>
    /// <param name="size">The maximum of the longer side in pixels; null for no limit.</param>
    public static byte[] EncodePreview(PixelImage image, int? size)
    {
        int longer = Math.Max(image.Width, image.Height);
        if (size is { } wanted && wanted < longer)
        {
            int width = Math.Max(1, image.Width * wanted / longer), height = Math.Max(1, image.Height * wanted / longer);
            var rgb = new byte[3 * width * height];
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    // Nearest pixel: sufficient for a preview.
                    int source = (((2 * y + 1) * image.Height / (2 * height) * image.Width) + (2 * x + 1) * image.Width / (2 * width)) * 3;
                    image.Rgb.AsSpan(source, 3).CopyTo(rgb.AsSpan(3 * (y * width + x)));
                }
            }
            image = new PixelImage(width, height, rgb);
        }
        return Encode(image, new OutputSettings { Metadata = false }, "");
    }
}
