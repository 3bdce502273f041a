using System.Runtime.InteropServices;
using Brownian.Formats.Images;
using Brownian.Requests;
using SkiaSharp;

namespace Brownian.Imaging;

/// <summary>Images to the bytes of files. The bytes depend on the pixels, the settings and the library's version only.</summary>
public static class ImageWriter
{
    /// <summary>A file's bytes.</summary>
    /// <param name="image">The image.</param>
    /// <param name="output">Format, quality and whether it carries the settings.</param>
    /// <param name="parameters">The settings that made it.</param>
    public static byte[] Encode(PixelImage image, OutputSettings output, string parameters)
    {
        var rgba = new byte[4 * image.Width * image.Height];
        for (int i = 0, j = 0; i < image.Rgb.Length; i += 3, j += 4)
        {
            image.Rgb.AsSpan(i, 3).CopyTo(rgba.AsSpan(j));
            rgba[j + 3] = 255;
        }
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

    /// <summary>An image on its way as a PNG file, without settings.</summary>
    /// <param name="image">The image.</param>
    /// <param name="size">The longer side in pixels that it is made smaller to; null for its own.</param>
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
                    // The pixel in the middle: a preview is looked at, not measured.
                    int source = (((2 * y + 1) * image.Height / (2 * height) * image.Width) + (2 * x + 1) * image.Width / (2 * width)) * 3;
                    image.Rgb.AsSpan(source, 3).CopyTo(rgb.AsSpan(3 * (y * width + x)));
                }
            }
            image = new PixelImage(width, height, rgb);
        }
        return Encode(image, new OutputSettings { Metadata = false }, "");
    }
}
