using System.Buffers.Binary;
using Brownian.Formats.Images;
using Brownian.Inference.Tests.Images;
using Brownian.Requests;
using CsCheck;
using SkiaSharp;

namespace Brownian.Imaging.Tests;

public sealed class ImageReaderTests
{
    private const int Grey = 0, Colour = 2, Palette = 3, GreyAlpha = 4, ColourAlpha = 6;

    /// <summary>The six pixels of an image of 3x2, each with a level of its own, in the eight orientations.</summary>
    public static TheoryData<int, int, byte[]> Orientations => new()
    {
        { 0, 3, [1, 2, 3, 4, 5, 6] },
        { 1, 3, [1, 2, 3, 4, 5, 6] },
        { 2, 3, [3, 2, 1, 6, 5, 4] },
        { 3, 3, [6, 5, 4, 3, 2, 1] },
        { 4, 3, [4, 5, 6, 1, 2, 3] },
        { 5, 2, [1, 4, 2, 5, 3, 6] },
        { 6, 2, [4, 1, 5, 2, 6, 3] },
        { 7, 2, [6, 3, 5, 2, 4, 1] },
        { 8, 2, [3, 6, 2, 5, 1, 4] },
        { 9, 3, [1, 2, 3, 4, 5, 6] },
    };

    [Fact]
    public void A_png_of_every_type_filter_and_interlacing_is_read() =>
        Gen.Select(
            Gen.Int[1, 20], Gen.Int[1, 20],
            OneOf((Grey, 8), (Colour, 8), (GreyAlpha, 8), (ColourAlpha, 8), (Colour, 16), (GreyAlpha, 16), (ColourAlpha, 16)), Gen.Bool,
            Gen.Int[0, 4].Array[1, 5])
            .SelectMany(kind => Gen.Int[0, (1 << kind.Item3.Item2) - 1].Array[kind.Item1 * kind.Item2 * 4].Select(samples => (kind, samples)))
            .Sample(
                made =>
                {
                    ((int width, int height, (int type, int depth), bool interlaced, int[] filters), int[] samples) = made;
                    byte[] file = new PngFile(width, height, depth, type, interlaced).Write(samples, filters);
                    Raster image = Read(file);
                    Assert.Equal((width, height), (image.Width, image.Height));
                    int shift = depth - 8;
                    byte[] expected = [.. Enumerable.Range(0, width * height).SelectMany(i => type switch
                    {
                        Grey => (int[])[samples[i]],
                        GreyAlpha => [samples[2 * i], samples[2 * i], samples[2 * i], samples[2 * i + 1]],
                        Colour => samples[(3 * i)..(3 * i + 3)],
                        _ => samples[(4 * i)..(4 * i + 4)],
                    }).Select(sample => (byte)(sample >> shift))];
                    Assert.Equal(expected, image.Pixels);
                },
                iter: 300);

    [Fact]
    public void A_png_of_the_image_writer_is_read() =>
        Gen.Select(Gen.Int[1, 60], Gen.Int[1, 60])
            .SelectMany(size => Gen.Byte.Array[3 * size.Item1 * size.Item2].Select(rgb => new PixelImage(size.Item1, size.Item2, rgb))).Sample(
            image => Assert.Equal(image.Rgb, Read(ImageWriter.Encode(image, new OutputSettings(), "Steps: 1")).Pixels),
            iter: 50);

    [Theory]
    [InlineData(1, new[] { 0, 1, 1, 0, 1 }, new byte[] { 0, 255, 255, 0, 255 })]
    [InlineData(2, new[] { 0, 1, 2, 3, 0 }, new byte[] { 0, 85, 170, 255, 0 })]
    [InlineData(4, new[] { 0, 1, 8, 15, 7 }, new byte[] { 0, 17, 136, 255, 119 })]
    // Pillow clips 16-bit greys at 255 instead of scaling them.
    [InlineData(16, new[] { 0, 200, 255, 256, 65535 }, new byte[] { 0, 200, 255, 255, 255 })]
    public void Grey_levels_of_other_depths_equal_the_references(int depth, int[] samples, byte[] expected)
    {
        Raster image = Read(new PngFile(5, 1, depth, Grey).Write(samples));
        Assert.Equal(1, image.Channels);
        Assert.Equal(expected, image.Pixels);
        Assert.Equal(expected, image.ToRgb().ToGrey().Pixels);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void A_palette_keeps_the_colours_behind_transparent_pixels(int depth)
    {
        byte[] file = new PngFile(3, 1, depth, Palette).With("PLTE", 10, 20, 30, 40, 50, 60).With("tRNS", 0).Write([0, 1, 0]);
        Raster image = Read(file);
        Assert.Equal<byte>([10, 20, 30, 0, 40, 50, 60, 255, 10, 20, 30, 0], image.Pixels);
        Assert.Equal<byte>([10, 20, 30, 40, 50, 60, 10, 20, 30], image.ToRgb().Rgb);
    }

    [Fact]
    public void A_palette_that_is_too_short_is_continued_with_greys() =>
        Assert.Equal<byte>([7, 8, 9, 200, 200, 200], Read(new PngFile(2, 1, 8, Palette).With("PLTE", 7, 8, 9).Write([0, 200])).Pixels);

    [Fact]
    public void The_transparent_colour_of_a_png_becomes_alpha()
    {
        Assert.Equal<byte>(
            [1, 2, 3, 0, 1, 2, 4, 255], Read(new PngFile(2, 1, 8, Colour).With("tRNS", 0, 1, 0, 2, 0, 3).Write([1, 2, 3, 1, 2, 4])).Pixels);
        Assert.Equal<byte>(
            [1, 0, 0, 0, 1, 0, 0, 255], Read(new PngFile(2, 1, 16, Colour).With("tRNS", 1, 5, 0, 0, 0, 0).Write([261, 0, 0, 262, 0, 0])).Pixels);
        Assert.Equal<byte>([85, 85, 85, 0, 170, 170, 170, 255], Read(new PngFile(2, 1, 2, Grey).With("tRNS", 0, 1).Write([1, 2])).Pixels);
    }

    [Fact]
    public void Alpha_is_removed_without_blending()
    {
        Raster image = Read(new PngFile(2, 1, 8, ColourAlpha).Write([200, 100, 50, 0, 9, 8, 7, 128]));
        Assert.Equal<byte>([200, 100, 50, 9, 8, 7], image.ToRgb().Rgb);
        // (200 * 19595 + 100 * 38470 + 50 * 7471 + 32768) >> 16 = 124; (9, 8, 7) gives 8.
        Assert.Equal<byte>([124, 8], image.ToGrey().Pixels);
    }

    [Theory]
    [MemberData(nameof(Orientations))]
    public void An_image_is_turned_upright_by_its_orientation(int orientation, int width, byte[] expected)
    {
        foreach (bool big in (bool[])[true, false])
        {
            byte[] exif = Exif(orientation, big);
            Raster png = Read(new PngFile(3, 2, 8, Grey).With("eXIf", exif).Write([1, 2, 3, 4, 5, 6]));
            Assert.Equal(width, png.Width);
            Assert.Equal(expected, png.Pixels);

            byte[] webp = Encode(Blocks(3, 2), SKEncodedImageFormat.Webp);
            AssertBlocks(width, expected, Read(WithExif(webp, exif)));
            byte[] jpeg = Encode(Blocks(3, 2), SKEncodedImageFormat.Jpeg);
            AssertBlocks(width, expected, Read([.. jpeg[..2], 0xFF, 0xE1, 0, (byte)(8 + exif.Length), .. "Exif\0\0"u8, .. exif, .. jpeg[2..]]));
        }
    }

    [Fact]
    public void The_levels_of_a_jpeg_do_not_depend_on_its_profile()
    {
        PixelImage image = Blocks(4, 3);
        using SKColorSpace wide = SKColorSpace.CreateRgb(SKColorSpaceTransferFn.TwoDotTwo, SKColorSpaceXyz.AdobeRgb);
        byte[] plain = Encode(image, SKEncodedImageFormat.Jpeg), tagged = Encode(image, SKEncodedImageFormat.Jpeg, wide);
        Assert.True(tagged.AsSpan().IndexOf("ICC_PROFILE"u8) > 0);
        Assert.Equal(Read(plain).Pixels, Read(tagged).Pixels);
    }

    [Fact]
    public void A_lossless_webp_keeps_its_levels_and_its_alpha() =>
        Gen.Select(Gen.Int[1, 30], Gen.Int[1, 30])
            .SelectMany(size => Gen.Byte[1, 255].Array[4 * size.Item1 * size.Item2].Select(rgba => (size.Item1, size.Item2, rgba))).Sample(
            (width, height, rgba) =>
            {
                using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
                rgba.CopyTo(bitmap.GetPixelSpan());
                using SKPixmap pixels = bitmap.PeekPixels()!;
                using SKData data = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 50))!;
                Raster image = Read(data.ToArray());
                Assert.Equal((width, height), (image.Width, image.Height));
                Assert.Equal(rgba, image.ToRgba().Pixels);
            },
            iter: 50);

    [Fact]
    public void The_first_frame_of_a_gif_is_read() =>
        Gen.Select(Gen.Int[1, 90], Gen.Int[1, 90], Gen.Int[2, 8], Gen.Bool, Gen.Int[1, 256])
            .SelectMany(
                kind =>
                    Gen.Select(Gen.Byte.Array[3 << kind.Item3], Gen.Int[0, Math.Min(kind.Item5, 1 << kind.Item3) - 1].Array[kind.Item1 * kind.Item2])
                        .Select(made => (kind, made.Item1, made.Item2)))
            .Sample(
                made =>
                {
                    ((int width, int height, int bits, bool interlaced, _), byte[] palette, int[] indices) = made;
                    byte[] file =
                        new GifFile(width, height, palette) { Interlaced = interlaced }.Write([.. indices.Select(index => (byte)index)], bits);
                    Assert.Equal(indices.SelectMany(index => palette[(3 * index)..(3 * index + 3)]), Read(file).Pixels);
                    using SKBitmap decoded = SKBitmap.Decode(file);
                    Assert.Equal(
                        indices.Select(index => (palette[3 * index], palette[3 * index + 1], palette[3 * index + 2])),
                        decoded.Pixels.Select(pixel => (pixel.Red, pixel.Green, pixel.Blue)));
                },
                iter: 200);

    [Fact]
    public void A_gif_keeps_the_colours_behind_transparent_pixels_and_around_a_smaller_frame()
    {
        byte[] palette = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        var gif = new GifFile(3, 2, palette) { Frame = (1, 1, 2, 1), Transparent = 2 };
        Raster image = Read(gif.Write([1, 2], 2));
        Assert.Equal<byte>([7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8, 9, 4, 5, 6, 7, 8, 9], image.ToRgb().Rgb);
        Assert.Equal<byte>([0, 0, 0, 0, 255, 0], image.Pixels.Where((_, i) => i % 4 == 3));
        Assert.Equal<byte>([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9], Read((gif with { Transparent = null }).Write([1, 2], 2)).Pixels);
    }

    [Fact]
    public void A_gif_frame_beyond_the_screen_enlarges_the_image()
    {
        Raster image = Read(new GifFile(1, 1, [0, 0, 0, 9, 9, 9]) { Frame = (1, 0, 2, 1) }.Write([1, 1], 2));
        Assert.Equal((3, 1), (image.Width, image.Height));
        Assert.Equal<byte>([0, 9, 9], image.ToGrey().Pixels);
    }

    [Fact]
    public void An_image_file_cut_anywhere_is_refused()
    {
        PixelImage image = Blocks(3, 2);
        byte[] gif = new GifFile(4, 4, []).Write([.. Enumerable.Range(0, 16).Select(i => (byte)i)], 4);
        (byte[] File, string Name, int End)[] files =
        [
            (new PngFile(5, 4, 8, Colour).Write([.. Enumerable.Range(0, 60)]), "PNG", 0),
            (Encode(image, SKEncodedImageFormat.Jpeg), "JPEG", 0),
            (Encode(image, SKEncodedImageFormat.Webp), "WebP", 0),
            (Encode(image, SKEncodedImageFormat.Webp, quality: 100), "WebP", 0),
            // Of a GIF only the bytes after the first frame may be missing: the end of its blocks and the trailer.
            (gif, "GIF", 2),
        ];
        foreach ((byte[] file, string name, int end) in files)
        {
            Read(file);
            for (int length = 16; length < file.Length - end; length++)
            {
                string message = Assert.Throws<InvalidDataException>(() => Read(file.AsSpan(0, length))).Message;
                Assert.StartsWith($"is a {name} file ", message, StringComparison.Ordinal);
                Assert.Contains("early", message, StringComparison.Ordinal);
                Assert.Equal(message, Assert.Throws<InvalidDataException>(() => ImageInspector.Inspect(file.AsSpan(0, length))).Message);
            }
            for (int length = 0; length < 16; length++)
            {
                Assert.Throws<InvalidDataException>(() => Read(file.AsSpan(0, length)));
            }
        }
    }

    [Fact]
    public void A_damaged_image_file_is_read_or_refused_without_another_error()
    {
        byte[][] files =
        [
            new PngFile(5, 4, 8, Palette, interlaced: true).With("PLTE", 1, 2, 3).With("tRNS", 3).Write([.. Enumerable.Range(0, 20)], 1, 4),
            Encode(Blocks(2, 2), SKEncodedImageFormat.Jpeg),
            WithExif(Encode(Blocks(2, 2), SKEncodedImageFormat.Webp), Exif(6, big: true)),
            new GifFile(4, 4, [1, 2, 3, 4, 5, 6]) { Transparent = 1 }.Write([.. Enumerable.Range(0, 16).Select(i => (byte)(i % 4))], 2),
        ];
        Gen.Select(Gen.Int[0, files.Length - 1], Gen.Select(Gen.Int[0, 2000], Gen.Byte).Array[1, 4]).Sample(
            (which, changes) =>
            {
                byte[] file = [.. files[which]];
                foreach ((int at, byte value) in changes)
                {
                    file[at % file.Length] = value;
                }
                foreach (Action<byte[]> read in (Action<byte[]>[])[damaged => Read(damaged), damaged => ImageInspector.Inspect(damaged)])
                {
                    try
                    {
                        read(file);
                    }
                    catch (InvalidDataException exception)
                    {
                        Assert.StartsWith("is ", exception.Message, StringComparison.Ordinal);
                    }
                }
            },
            iter: 3000);
    }

    [Fact]
    public void A_header_with_too_many_pixels_is_refused_before_they_are_decoded()
    {
        byte[] jpeg = Encode(Blocks(1, 1), SKEncodedImageFormat.Jpeg);
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 5), 20_000);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 7), 20_000);
        // Lossless, at quality 100: two sides of 14 bits, each less one, after a signature of one byte.
        byte[] webp = Encode(Blocks(1, 1), SKEncodedImageFormat.Webp, quality: 100);
        Assert.True(webp.AsSpan(12).StartsWith("VP8L"u8));
        BinaryPrimitives.WriteUInt32LittleEndian(webp.AsSpan(21), BinaryPrimitives.ReadUInt32LittleEndian(webp.AsSpan(21)) | 0x0FFF_FFFF);
        byte[][] files =
        [
            new PngFile(20_000, 20_000, 8, Colour).WriteRaw([0]),
            new PngFile(int.MaxValue, int.MaxValue, 8, Colour).WriteRaw([0]),
            new PngFile(70_000, 1, 1, Grey).WriteRaw([0]),
            new PngFile(0, 1, 1, Grey).WriteRaw([0]),
            new GifFile(20_000, 20_000, []) { Frame = (0, 0, 1, 1) }.Write([1], 2),
            jpeg,
            webp,
        ];
        foreach (byte[] file in files)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            string message = Assert.Throws<InvalidDataException>(() => Read(file)).Message;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
            Assert.EndsWith("pixels; allowed: 1..65535 on each side and at most 64 megapixels", message, StringComparison.Ordinal);
            Assert.Equal(message, Assert.Throws<InvalidDataException>(() => ImageInspector.Inspect(file)).Message);
        }
    }

    [Fact]
    public void The_size_of_a_large_image_in_a_small_file_is_read_without_decoding_memory()
    {
        byte[] file = new PngFile(8000, 8000, 1, Grey).WriteRaw(new byte[8000 * 1001]);
        Assert.InRange(file.Length, 0, 100_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal((8000, 8000), ImageInspector.Inspect(file));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 16);
    }

    [Fact]
    public void Damage_in_a_png_chunk_is_found_without_decoding()
    {
        byte[] file = new PngFile(5, 4, 8, Colour).Write([.. Enumerable.Range(0, 60)]);
        int pixels = file.AsSpan().IndexOf("IDAT"u8) + 6;
        file[pixels] ^= 1;
        Assert.Equal("is a PNG file whose chunk IDAT is damaged", Assert.Throws<InvalidDataException>(() => ImageInspector.Inspect(file)).Message);
    }

    [Fact]
    public void A_small_png_with_too_long_a_stream_is_read_without_the_rest()
    {
        byte[] file = new PngFile(1, 1, 8, Grey).WriteRaw([0, 77, .. new byte[50_000_000]]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal<byte>([77], Read(file).Pixels);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * file.Length + (1 << 20));
    }

    [Theory]
    [InlineData("hello, this is no picture")]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg'/>")]
    [InlineData("BM")]
    public void Bytes_that_are_no_image_are_refused(string text) =>
        Assert.Equal(
            "is not a PNG, JPEG, WebP or GIF file",
            Assert.Throws<InvalidDataException>(() => Read(System.Text.Encoding.UTF8.GetBytes(text))).Message);

    [Fact]
    public void An_invalid_png_is_refused_with_the_reason()
    {
        AssertRefused(
            "is a PNG file of an unknown kind: colour type 2, depth 4, compression 0, filter 0, interlace 0",
            new PngFile(1, 1, 4, Colour).WriteRaw([0, 0]));
        AssertRefused("is a PNG file without its palette", new PngFile(1, 1, 8, Palette).WriteRaw([0, 0]));
        AssertRefused("is a PNG file whose palette has 4 bytes", new PngFile(1, 1, 8, Palette).With("PLTE", 1, 2, 3, 4).WriteRaw([0, 0]));
        AssertRefused("is a PNG file with the unknown filter 5", new PngFile(1, 1, 8, Grey).WriteRaw([5, 0]));
        AssertRefused("is a PNG file whose pixels end early", new PngFile(2, 1, 8, Grey).WriteRaw([0, 0]));
        AssertRefused("is a PNG file whose pixels are damaged", new PngFile(2, 1, 8, Grey).WriteChunks(("IDAT", [1, 2, 3, 4])));
        byte[] file = new PngFile(2, 1, 8, Grey).Write([1, 2]);
        file[^20] ^= 1;
        AssertRefused("is a PNG file whose chunk IDAT is damaged", file);
    }

    private static void AssertRefused(string message, byte[] file)
    {
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() => Read(file)).Message);
        try
        {
            ImageInspector.Inspect(file);
        }
        catch (InvalidDataException exception)
        {
            Assert.Equal(message, exception.Message);
        }
    }

    /// <summary>Reads an image, and checks that its size is found without decoding.</summary>
    private static Raster Read(ReadOnlySpan<byte> file)
    {
        Raster image = ImageReader.Read(file);
        Assert.Equal((image.Width, image.Height), ImageInspector.Inspect(file));
        return image;
    }

    /// <summary>Grey blocks of 16x16 pixels, 40 levels apart, so that no compression loss turns one into another.</summary>
    private static PixelImage Blocks(int columns, int rows) => new(
        16 * columns,
        16 * rows,
        [
            .. Enumerable.Range(0, 16 * rows).SelectMany(
                y => Enumerable.Range(0, 16 * columns).SelectMany(x => Enumerable.Repeat((byte)(40 * (y / 16 * columns + x / 16 + 1)), 3)))
        ]);

    private static void AssertBlocks(int columns, byte[] expected, Raster actual)
    {
        Assert.Equal(16 * columns, actual.Width);
        Raster grey = actual.ToGrey();
        Assert.Equal(
            expected.Select(block => (int)block),
            Enumerable.Range(0, 6).Select(i => (int)Math.Round(grey.Row(16 * (i / columns) + 8)[16 * (i % columns) + 8] / 40.0)));
    }

    private static byte[] Encode(PixelImage image, SKEncodedImageFormat format, SKColorSpace? space = null, int quality = 90)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque, space));
        image.ToRgba().Pixels.CopyTo(bitmap.GetPixelSpan());
        using SKData data = bitmap.Encode(format, quality);
        return data.ToArray();
    }

    /// <summary>A directory with another field before the orientation.</summary>
    private static byte[] Exif(int orientation, bool big)
    {
        var block = new byte[8 + 2 + 24 + 4];
        void Put(int at, int value, int length)
        {
            for (int i = 0; i < length; i++)
            {
                block[at + (big ? length - 1 - i : i)] = (byte)(value >> (8 * i));
            }
        }
        block[0] = block[1] = (byte)(big ? 'M' : 'I');
        Put(2, 42, 2);
        Put(4, 8, 4);
        Put(8, 2, 2);
        Put(10, 0x0100, 2);
        Put(12, 3, 2);
        Put(14, 1, 4);
        Put(18, 5, 2);
        Put(22, 0x0112, 2);
        Put(24, 3, 2);
        Put(26, 1, 4);
        Put(30, orientation, 2);
        return block;
    }

    private static byte[] WithExif(byte[] webp, byte[] exif)
    {
        using SKCodec codec = SKCodec.Create(new MemoryStream(webp));
        int width = codec.Info.Width - 1, height = codec.Info.Height - 1;
        byte[] body =
        [
            .. "WEBPVP8X"u8, 10, 0, 0, 0, 0x08, 0, 0, 0, (byte)width, (byte)(width >> 8), 0, (byte)height, (byte)(height >> 8), 0,
            .. webp[12..], .. "EXIF"u8, (byte)exif.Length, 0, 0, 0, .. exif,
        ];
        var size = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, body.Length);
        return [.. "RIFF"u8, .. size, .. body];
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
