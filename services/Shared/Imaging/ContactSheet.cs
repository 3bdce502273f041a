using System.Runtime.InteropServices;
using Brownian.Formats.Images;
using Brownian.Imaging.Preparation;
using SkiaSharp;

namespace Brownian.Imaging;

/// <summary>Draws images beside each other with a label below each.</summary>
public static class ContactSheet
{
    /// <summary>The longest side of an image in the sheet, in pixels; larger images are made smaller.</summary>
    private const int MaxSide = 256;

    private const int Margin = 8;
    private const int FontSize = 12;
    private const int LineHeight = 15;
    private const int MaxLines = 4;

    /// <summary>The most images of a sheet.</summary>
    private const int MaxCells = 4096;

    /// <summary>DejaVu Sans: systems without fonts have none of their own.</summary>
    private static readonly Lazy<SKTypeface> Typeface = new(() =>
    {
        using Stream font = typeof(ContactSheet).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!;
        return SKTypeface.FromStream(font);
    });

    /// <summary>Draws a sheet.</summary>
    /// <param name="cells">The images in their order, row by row; those beyond 4096 are left out.</param>
    /// <param name="columns">The number of images in a row, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no image, or no column.</exception>
    public static PixelImage Draw(IReadOnlyList<SheetCell> cells, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfZero(cells.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        cells = [.. cells.Take(MaxCells)];
        columns = Math.Min(columns, cells.Count);
        PixelImage[] images = [.. cells.Select(cell => Shrink(cell.Image))];
        int side = images.Max(image => image.Width), height = images.Max(image => image.Height);
        using var font = new SKFont(Typeface.Value, FontSize);
        List<string>[] labels = [.. cells.Select(cell => Wrap(cell.Label, font, side))];
        int rows = (cells.Count + columns - 1) / columns;
        int rowHeight = height + (labels.Max(lines => lines.Count) * LineHeight) + (2 * Margin);
        var info = new SKImageInfo(Margin + (columns * (side + Margin)), Margin + (rows * rowHeight), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var bitmap = new SKBitmap(info);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        using var paint = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        for (int i = 0; i < images.Length; i++)
        {
            int left = Margin + (i % columns * (side + Margin)), top = Margin + (i / columns * rowHeight);
            Draw(canvas, images[i], left, top);
            for (int line = 0; line < labels[i].Count; line++)
            {
                canvas.DrawText(labels[i][line], left, top + height + Margin + (line * LineHeight) + (FontSize / 2), SKTextAlign.Left, font, paint);
            }
        }
        return ToImage(bitmap);
    }

    private static PixelImage Shrink(PixelImage image)
    {
        int longer = Math.Max(image.Width, image.Height);
        if (longer <= MaxSide)
        {
            return image;
        }
        int width = Math.Max(1, image.Width * MaxSide / longer), height = Math.Max(1, image.Height * MaxSide / longer);
        return Resampler.Resize(image, width, height, ResampleFilter.Lanczos).ToRgb();
    }

    private static void Draw(SKCanvas canvas, PixelImage image, int left, int top)
    {
        var info = new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using SKImage drawn = SKImage.FromPixelCopy(info, image.ToRgba().Pixels);
        canvas.DrawImage(drawn, left, top, SKSamplingOptions.Default);
    }

    /// <summary>Breaks a label at spaces, or within words that are too long; the last line ends with dots when there is more.</summary>
    private static List<string> Wrap(string label, SKFont font, int width)
    {
        var lines = new List<string>();
        string rest = string.Join(' ', label.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        while (rest.Length > 0)
        {
            int fits = Math.Max(1, font.BreakText(rest, width));
            if (lines.Count == MaxLines - 1 && fits < rest.Length)
            {
                lines.Add(rest[..Math.Max(1, font.BreakText(rest, width - font.MeasureText("...")))].TrimEnd() + "...");
                break;
            }
            int space = fits < rest.Length ? rest.LastIndexOf(' ', fits) : -1;
            int end = space > 0 ? space : fits;
            lines.Add(rest[..end]);
            rest = rest[end..].TrimStart();
        }
        return lines;
    }

    private static PixelImage ToImage(SKBitmap bitmap)
    {
        ReadOnlySpan<byte> rgba = MemoryMarshal.AsBytes(bitmap.GetPixelSpan());
        var rgb = new byte[3 * bitmap.Width * bitmap.Height];
        for (int i = 0, j = 0; i < rgb.Length; i += 3, j += 4)
        {
            rgba.Slice(j, 3).CopyTo(rgb.AsSpan(i));
        }
        return new PixelImage(bitmap.Width, bitmap.Height, rgb);
    }
}
