using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using SkiaSharp;

namespace Brownian.Upgrade.Tests;

/// <summary>Compares an image of today's programs with the earlier version's image of the same request.</summary>
internal static partial class ImageComparison
{
    /// <summary>
    /// The settings in the files must be equal, and every pixel within two levels. Equal bytes are guaranteed only within one version on one kind
    /// of processor: another version may use another ONNX Runtime, and its kernels depend on the processor.
    /// </summary>
    public static void AssertSame(byte[][] expected, byte[][] actual)
    {
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Length, actual.Length);
        foreach ((byte[] before, byte[] now) in expected.Zip(actual))
        {
            Assert.Equal(Texts(before), Texts(now));
            AssertPixels(before, now);
        }
    }

    private static void AssertPixels(byte[] before, byte[] now)
    {
        using SKBitmap expected = SKBitmap.Decode(before), actual = SKBitmap.Decode(now);
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        byte[] levels = Levels(expected);
        // An image without contrast would equal every other one.
        Assert.True(levels.Max() - levels.Min() > 50);
        int[] differences = [.. levels.Zip(Levels(actual), (first, second) => Math.Abs(first - second))];
        Assert.InRange(differences.Max(), 0, 2);
        Assert.InRange(differences.Average(), 0, 0.25);
    }

    private static byte[] Levels(SKBitmap bitmap) => [.. bitmap.Pixels.SelectMany(pixel => (byte[])[pixel.Red, pixel.Green, pixel.Blue])];

    /// <summary>
    /// The texts of a PNG file without what versions write differently: their number, and the ends of a sampler's name, which was the name of a class
    /// where the scheduler is the model's own, such as DDPMScheduler, and is DDPM now.
    /// </summary>
    private static List<string> Texts(ReadOnlySpan<byte> png)
    {
        var texts = new List<string>();
        for (int at = 8; at < png.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(png[at..]);
            string type = Encoding.ASCII.GetString(png.Slice(at + 4, 4));
            if (type is "tEXt" or "iTXt")
            {
                texts.Add(WrittenBy().Replace(Encoding.UTF8.GetString(png.Slice(at + 8, length)), ""));
            }
            at += 12 + length;
        }
        Assert.NotEmpty(texts);
        return texts;
    }

    [GeneratedRegex(@", Version: Brownian \d+\.\d+\.\d+|(?<=, Sampler: \w+?)(Discrete)?Scheduler\b")]
    private static partial Regex WrittenBy();
}
