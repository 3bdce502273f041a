using Brownian.Formats.Images;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Imaging;
using Brownian.Requests;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Image files: their headers, which gateways read, and their pixels, which workers read.</summary>
internal sealed class ImageTarget : FuzzTarget
{
    /// <summary>The pixels of the last image that was read.</summary>
    private long _pixels;

    public override int CasesPerSecond => 5000;

    // 64 megapixels take a second, and more on a machine that does other work.
    public override TimeSpan MaxCase => TimeSpan.FromSeconds(20);

    public override IReadOnlyList<string> Tokens =>
        ["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "eXIf", "acTL", "GIF89a", "GIF87a", "RIFF", "WEBP", "VP8 ", "VP8L", "VP8X", "ANMF", "ALPH", "EXIF",
            "Exif\0\0", "MM\0*"];

    public override IEnumerable<FuzzInput> Seeds()
    {
        const int Side = 12;
        var image = new PixelImage(Side, Side, [.. Enumerable.Range(0, 3 * Side * Side).Select(i => (byte)(i * 7))]);
        foreach (ImageFormat format in Enum.GetValues<ImageFormat>())
        {
            string kind = format.ToString().ToLowerInvariant();
            yield return new FuzzInput(kind, ImageWriter.Encode(image, new OutputSettings { Format = format, Metadata = false }, ""));
            yield return new FuzzInput(kind, ImageWriter.Encode(image, new OutputSettings { Format = format }, "a\nSteps: 1, Seed: 2"));
        }
        foreach (FuzzInput small in SeedFiles.Of("png", "*.png", 1000, "tests", "Golden.Tests", "Data").Take(12))
        {
            yield return small;
        }
        foreach (int depth in (int[])[1, 2, 4, 8, 16])
        {
            yield return new FuzzInput("png", SmallImages.Png(depth, colourType: 0, interlaced: false));
            yield return new FuzzInput("png", SmallImages.Png(depth, colourType: depth > 8 ? 6 : 3, interlaced: true));
        }
        yield return new FuzzInput("gif", SmallImages.Gif(isInterlaced: false));
        yield return new FuzzInput("gif", SmallImages.Gif(isInterlaced: true));
    }

    /// <summary>
    /// The pixels of PNG and JPEG files are in proportion to the bytes that hold them: a byte of deflate has at most 1032 bytes, and each of those at
    /// most 8 pixels of 4 channels. GIF and WebP can describe a large canvas with a few bytes. An image is copied once more to turn it.
    /// </summary>
    public override long MaxAllocated(FuzzInput input)
    {
        const int BytesInDeflate = 1032, BytesOfPixels = 8 * 4;
        if (input.Kind is not ("gif" or "webp"))
        {
            return (2L << 20) + 2L * BytesInDeflate * BytesOfPixels * input.Bytes.Length;
        }
        return (2L << 20) + 40_000L * input.Bytes.Length + 12 * _pixels;
    }

    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes) => kind == "png" && !random.OneIn(4) ? PngChunks.Repair(bytes)
        : bytes;

    public override void Run(FuzzInput input)
    {
        (int Width, int Height)? size = null;
        _pixels = 0;
        try
        {
            size = ImageInspector.Inspect(input.Bytes);
            _pixels = (long)size.Value.Width * size.Value.Height;
        }
        catch (InvalidDataException)
        {
            // The reader below may accept what the inspector refuses, but not the other way round with another size.
        }
        ImageInspector.CutsLevels(input.Bytes);
        Raster image = ImageReader.Read(input.Bytes);
        _pixels = (long)image.Width * image.Height;
        if (size is { } stated && stated != (image.Width, image.Height))
        {
            throw new InvalidOperationException($"the header states {stated}, the image has {image.Width}x{image.Height}");
        }
    }

    public override bool IsDocumented(Exception exception) => exception is InvalidDataException;
}
