using Brownian.Formats.Images;

namespace Brownian.Imaging.Tests;

/// <summary>Sheets of images with labels.</summary>
public sealed class ContactSheetTests
{
    [Fact]
    public void Images_stand_in_rows_and_labels_below_them()
    {
        PixelImage red = Fill(20, 10, 255, 0, 0), blue = Fill(20, 10, 0, 0, 255);

        PixelImage sheet = ContactSheet.Draw([new SheetCell(red, "a"), new SheetCell(blue, ""), new SheetCell(blue, "b")], 2);

        Assert.Equal(8 + (2 * 28), sheet.Width);
        Assert.Equal((255, 0, 0), At(sheet, 8, 8));
        Assert.Equal((0, 0, 255), At(sheet, 8 + 28, 8));
        Assert.Equal((255, 255, 255), At(sheet, 0, 0));
        // The label of the first image is dark, and below the second there is none.
        Assert.True(Darkest(sheet, 8, 18, 28, 36) < 100);
        Assert.Equal(255, Darkest(sheet, 36, 18, 56, 36));
    }

    [Fact]
    public void A_long_label_takes_four_lines_and_a_large_image_is_made_smaller()
    {
        string words = string.Join(' ', Enumerable.Repeat("word", 200)), letters = new('w', 2000);
        PixelImage one = ContactSheet.Draw([new SheetCell(Fill(1024, 512, 0, 255, 0), words)], 1);
        PixelImage other = ContactSheet.Draw([new SheetCell(Fill(1024, 512, 0, 255, 0), letters)], 1);

        Assert.Equal((8 + 256 + 8, 8 + 128 + (4 * 15) + 16), (one.Width, one.Height));
        Assert.Equal((one.Width, one.Height), (other.Width, other.Height));
    }

    private static PixelImage Fill(int width, int height, byte red, byte green, byte blue) =>
        new(width, height, [.. Enumerable.Repeat((byte[])[red, green, blue], width * height).SelectMany(pixel => pixel)]);

    private static (byte Red, byte Green, byte Blue) At(PixelImage image, int x, int y)
    {
        ReadOnlySpan<byte> pixel = image.Rgb.AsSpan(3 * ((y * image.Width) + x), 3);
        return (pixel[0], pixel[1], pixel[2]);
    }

    private static byte Darkest(PixelImage image, int left, int top, int right, int bottom)
    {
        byte darkest = 255;
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
            {
                darkest = Math.Min(darkest, At(image, x, y).Green);
            }
        }
        return darkest;
    }
}
