using Brownian.Cli.Output;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Requests;

namespace Brownian.Cli.Batch;

/// <summary>Writes the contact sheet of a batch.</summary>
internal static class BatchSheet
{
    /// <summary>Writes the sheet.</summary>
    /// <param name="file">The image file.</param>
    /// <param name="images">The files of the images, each with its label.</param>
    /// <param name="columns">The number of images in a row; null for about as many as rows.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string file, IEnumerable<(string File, string Label)> images, int? columns)
    {
        SheetCell[] cells =
            [.. images.Select(image => new SheetCell(ImageReader.Read(File.ReadAllBytes(image.File)).ToRgb(), image.Label))];
        if (cells.Length == 0)
        {
            return;
        }
        PixelImage sheet = ContactSheet.Draw(cells, columns ?? (int)Math.Ceiling(Math.Sqrt(cells.Length)));
        ImageFiles.Write(file, ImageWriter.Encode(sheet, new OutputSettings { Format = ImageFormats.FormatOf(file)!.Value, Metadata = false }, ""));
    }
}
