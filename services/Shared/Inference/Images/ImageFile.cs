using System.Runtime.InteropServices;
using Brownian.Inference.Requests;
using SkiaSharp;

namespace Brownian.Inference.Images;

/// <summary>Pictures to and from the bytes of files. The bytes depend on the pixels, the settings and the library's version only.</summary>
public static class ImageFile
{
    /// <summary>The usual ending of a format's files, with the dot.</summary>
    public static string Extension(ImageFormat format) => format switch
    {
        ImageFormat.Png => ".png",
        ImageFormat.Jpeg => ".jpg",
        ImageFormat.Webp => ".webp",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>A format's media type.</summary>
    public static string MediaType(ImageFormat format) => format switch
    {
        ImageFormat.Png => "image/png",
        ImageFormat.Jpeg => "image/jpeg",
        ImageFormat.Webp => "image/webp",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>The media type that a file's first bytes tell; null for anything but PNG, JPEG, WebP and GIF.</summary>
    public static string? MediaTypeOf(ReadOnlySpan<byte> bytes) =>
        PngText.IsPng(bytes) ? "image/png"
        : ExifComment.IsJpeg(bytes) ? "image/jpeg"
        : ExifComment.IsWebp(bytes) ? "image/webp"
        : bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8) ? "image/gif"
        : null;

    /// <summary>The format that a file's ending names, or null.</summary>
    public static ImageFormat? FormatOf(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".png" => ImageFormat.Png,
        ".jpg" or ".jpeg" => ImageFormat.Jpeg,
        ".webp" => ImageFormat.Webp,
        _ => null,
    };

    /// <summary>A file's bytes.</summary>
    /// <param name="image">The picture.</param>
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

    /// <summary>A picture on its way as a PNG file, without settings.</summary>
    /// <param name="image">The picture.</param>
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

    /// <summary>Whether a file of a format can hold settings.</summary>
    /// <param name="format">The format.</param>
    /// <param name="parameters">The settings.</param>
    /// <param name="allowed">How long they may be, where they are too long.</param>
    public static bool Holds(ImageFormat format, string parameters, out string allowed)
    {
        allowed = string.Create(CultureInfo.InvariantCulture, $"up to {ExifComment.MostJpegBytes} bytes of UTF-8");
        return format != ImageFormat.Jpeg || ExifComment.FitsJpeg(parameters);
    }

    /// <summary>The settings that a file carries, or null where it carries none.</summary>
    /// <param name="bytes">A PNG, JPEG or WebP file.</param>
    /// <exception cref="InvalidDataException">It is none of these, or is damaged, or carries what cannot be read as text.</exception>
    public static string? ReadParameters(ReadOnlySpan<byte> bytes)
    {
        string? text =
            PngText.IsPng(bytes) ? PngText.Read(bytes)
            : ExifComment.IsJpeg(bytes) ? ExifComment.ReadFromJpeg(bytes)
            : ExifComment.IsWebp(bytes) ? ExifComment.ReadFromWebp(bytes)
            : throw new InvalidDataException("is not a PNG, JPEG or WebP file");
        return text is null || Infotext.IsOwn(text) ? text : CommentText.Readable(text);
    }
}
