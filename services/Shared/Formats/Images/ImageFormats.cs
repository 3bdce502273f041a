namespace Brownian.Formats.Images;

/// <summary>The formats in which images are written: their extensions, their media types, and the text that they can contain.</summary>
public static class ImageFormats
{
    /// <summary>Returns the usual extension of a format's files, with the dot.</summary>
    public static string Extension(ImageFormat format) => format switch
    {
        ImageFormat.Png => ".png",
        ImageFormat.Jpeg => ".jpg",
        ImageFormat.Webp => ".webp",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>Returns a format's media type.</summary>
    public static string MediaType(ImageFormat format) => format switch
    {
        ImageFormat.Png => "image/png",
        ImageFormat.Jpeg => "image/jpeg",
        ImageFormat.Webp => "image/webp",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>Returns the media type that a file's first bytes indicate; null for anything but PNG, JPEG, WebP and GIF.</summary>
    public static string? MediaTypeOf(ReadOnlySpan<byte> bytes) =>
        PngText.IsPng(bytes) ? "image/png"
        : ExifComment.IsJpeg(bytes) ? "image/jpeg"
        : ExifComment.IsWebp(bytes) ? "image/webp"
        : bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8) ? "image/gif"
        : null;

    /// <summary>Returns the format of a file's extension, or null.</summary>
    public static ImageFormat? FormatOf(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".png" => ImageFormat.Png,
        ".jpg" or ".jpeg" => ImageFormat.Jpeg,
        ".webp" => ImageFormat.Webp,
        _ => null,
    };

    /// <summary>Whether a file of a format can contain the settings.</summary>
    /// <param name="format">The format.</param>
    /// <param name="parameters">The settings.</param>
    /// <param name="allowed">The allowed length, for the message when they are too long.</param>
    public static bool Holds(ImageFormat format, string parameters, out string allowed)
    {
        allowed = string.Create(CultureInfo.InvariantCulture, $"up to {ExifComment.MaxJpegBytes} bytes of UTF-8");
        return format != ImageFormat.Jpeg || ExifComment.FitsJpeg(parameters);
    }
}
