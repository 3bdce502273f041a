using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Metadata;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Models.Tests;

/// <summary>The text of settings in files of any program and in any encoding.</summary>
public sealed class FileTextTests
{
    private const string Text =
        "红苹果, flat, 日本語 ✨🙏\nNegative prompt: 黑暗\nSteps: 12, Sampler: Euler, CFG scale: 3.5, Seed: 7, Size: 64x64, Model: emoji, Version: v1.6.0";

    private static readonly byte[] Jpeg = ImageWriter.Encode(Gray(8), new OutputSettings { Format = ImageFormat.Jpeg, Metadata = false }, "");
    private static readonly byte[] Webp = ImageWriter.Encode(Gray(8), new OutputSettings { Format = ImageFormat.Webp, Metadata = false }, "");
    private static readonly byte[] Png = ImageWriter.Encode(Gray(8), new OutputSettings { Metadata = false }, "");

    public static TheoryData<string> Samples =>
        [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Cases", "settings"), "exif-*.jpg").Select(file => Path.GetFileName(file)!)];

    public static TheoryData<string, string, bool> Encodings
    {
        get
        {
            var all = new TheoryData<string, string, bool>();
            foreach (string encoding in (string[])["utf-16le", "utf-16be", "utf-8", "bom utf-16le", "bom utf-16be", "bom utf-8"])
            {
                foreach (string code in (string[])["UNICODE\0", "ASCII\0\0\0", "\0\0\0\0\0\0\0\0", "JIS\0\0\0\0\0", "UTF-8\0\0\0", "Unicode\0",
                    "UNICODE ", "XYZ\0\0\0\0\0", ""])
                {
                    all.Add(encoding, code, true);
                    all.Add(encoding, code, false);
                }
            }
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_sample_image_in_either_byte_order_has_its_text_read(string file) =>
        Assert.Equal(Text, ImageMetadata.TextIn(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Cases", "settings", file))));

    [Theory]
    [MemberData(nameof(Encodings))]
    public void A_comment_is_read_for_any_code_encoding_and_byte_order(string encoding, string code, bool isBig)
    {
        byte[] comment = [.. Encoding.Latin1.GetBytes(code), .. Bytes(encoding, Text)];
        foreach (int zeros in (int[])[0, 1, 2, 7])
        {
            byte[] tiff = Tiff([.. comment, .. new byte[zeros]], isBig);
            Assert.Equal(Text, ImageMetadata.TextIn(InJpeg(tiff)));
            Assert.Equal(Text, ImageMetadata.TextIn(InWebp(tiff)));
            Assert.Equal(Text, ImageMetadata.TextIn(InPng("eXIf", tiff)));
        }
    }

    [Theory]
    [InlineData("ASCII\0\0\0")]
    [InlineData("UNICODE\0")]
    public void A_comment_in_latin_1_is_read(string code)
    {
        const string Latin = "café\nSteps: 1, Seed: 2, Size: 8x8";
        Assert.Equal(
            Latin, ImageMetadata.TextIn(InJpeg(Tiff([.. Encoding.Latin1.GetBytes(code), .. Encoding.Latin1.GetBytes(Latin)], isBig: true))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0\0\0\0\0\0\0\0")]
    [InlineData("UNICODE\0\0\0\0\0")]
    [InlineData("ASCII\0\0\0")]
    public void An_empty_comment_has_no_text(string comment) =>
        Assert.Null(ImageMetadata.TextIn(InJpeg(Tiff(Encoding.Latin1.GetBytes(comment), isBig: false))));

    [Theory]
    [InlineData("bom utf-16le", "\u0001\u0002\u0003\u0004ab")]
    [InlineData("bom utf-16be", "\uFFFD\uFFFD\uFFFDa")]
    [InlineData("utf-8", "\u0001\u0002\u0003a")]
    public void A_text_of_mostly_invalid_characters_is_refused(string encoding, string text)
    {
        byte[] bytes = Bytes(encoding, text);
        foreach (byte[] file in (byte[][])[InJpeg(Tiff([.. "UNICODE\0"u8, .. bytes], isBig: true)), InPng("tEXt", [.. "parameters\0"u8, .. bytes])])
        {
            Assert.Contains(
                "cannot be read", Assert.Throws<InvalidDataException>(() => ImageMetadata.TextIn(file)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("tEXt", "utf-8")]
    [InlineData("tEXt", "bom utf-8")]
    [InlineData("zTXt", "utf-8")]
    [InlineData("iTXt", "utf-8")]
    [InlineData("iTXt", "bom utf-8")]
    [InlineData("iTXt deflated", "utf-8")]
    public void A_text_chunk_is_read(string chunk, string encoding) =>
        Assert.Equal(Text, ImageMetadata.TextIn(InPng(chunk[..4], Chunk(chunk, Bytes(encoding, Text)))));

    [Theory]
    [InlineData("tEXt")]
    [InlineData("zTXt")]
    public void A_text_chunk_in_latin_1_is_read(string chunk) =>
        Assert.Equal("café\nSteps: 1", ImageMetadata.TextIn(InPng(chunk, Chunk(chunk, Encoding.Latin1.GetBytes("café\nSteps: 1")))));

    [Fact]
    public void The_chunk_of_settings_comes_before_a_comment_and_a_graph()
    {
        byte[] comment = Tiff([.. "UNICODE\0"u8, .. Bytes("utf-16be", "comment\nSteps: 1")], isBig: true);
        byte[] graph = InPng("tEXt", [.. "prompt\0"u8, .. "{}"u8]);
        Assert.Equal("{}", ImageMetadata.TextIn(graph));
        byte[] both = InPng("eXIf", comment, graph);
        Assert.Equal("comment\nSteps: 1", ImageMetadata.TextIn(both));
        Assert.Equal("{}\n", ImageMetadata.TextIn(InPng("tEXt", [.. "parameters\0"u8, .. "{}\n"u8], both)));
    }

    [Theory]
    [InlineData("Ã©\nSteps: 1, Seed: 2, Version: Brownian 0.1.0")]
    [InlineData("\uFEFFapple\nSteps: 1, Seed: 2, Version: Brownian 0.1.0")]
    [InlineData("Ã©")]
    [InlineData(
        "\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001"
        + "\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001"
        + "\nSteps: 1, Version: Brownian 0.1.0")]
    public void A_text_written_by_this_program_is_read_unchanged(string text)
    {
        foreach (ImageFormat format in Enum.GetValues<ImageFormat>())
        {
            Assert.Equal(text, ImageMetadata.TextIn(ImageWriter.Encode(Gray(8), new OutputSettings { Format = format }, text)));
        }
    }

    [Fact]
    public void A_Latin_1_text_of_an_earlier_version_is_read_unchanged()
    {
        const string Own = "Ã©\nSteps: 1, Seed: 2, Version: Brownian 0.1.0";
        Assert.Equal(Own, ImageMetadata.TextIn(InPng("tEXt", [.. "parameters\0"u8, .. Encoding.Latin1.GetBytes(Own)])));
    }

    [Theory]
    [InlineData(32_737, 'a', "UNICODE\0")]
    [InlineData(32_738, 'a', "ASCII\0\0\0")]
    [InlineData(65_475, 'a', "ASCII\0\0\0")]
    [InlineData(32_737, '語', "UNICODE\0")]
    [InlineData(32_737, 'é', "UNICODE\0")]
    public void A_jpeg_stores_a_text_that_fits_into_a_segment_whole(int length, char character, string code)
    {
        string text = new string(character, length - 9) + "\nSteps: 1";
        byte[] file = ImageWriter.Encode(Gray(8), new OutputSettings { Format = ImageFormat.Jpeg }, text);
        Assert.Equal(text, ImageMetadata.TextIn(file));
        Assert.Equal(code, Encoding.Latin1.GetString(file, 56, 8));
        using SkiaSharp.SKBitmap decoded = SkiaSharp.SKBitmap.Decode(file);
        Assert.Equal(8, decoded.Width);
    }

    [Fact]
    public void A_jpeg_stores_a_long_mostly_ascii_text_in_utf_8()
    {
        string text = "日本語" + new string('a', 60_000) + "\nSteps: 1";
        byte[] file = ImageWriter.Encode(Gray(8), new OutputSettings { Format = ImageFormat.Jpeg }, text);
        Assert.Equal(text, ImageMetadata.TextIn(file));
        Assert.Equal(new byte[8], file[56..64]);
    }

    [Theory]
    [InlineData(ImageFormat.Png, 'a')]
    [InlineData(ImageFormat.Png, '語')]
    [InlineData(ImageFormat.Webp, 'a')]
    [InlineData(ImageFormat.Webp, '語')]
    public void Formats_other_than_jpeg_store_texts_of_any_length(ImageFormat format, char character)
    {
        string text = new string(character, 200_000) + "\nSteps: 1";
        byte[] file = ImageWriter.Encode(Gray(8), new OutputSettings { Format = format }, text);
        Assert.Equal(text, ImageMetadata.TextIn(file));
        using SkiaSharp.SKBitmap decoded = SkiaSharp.SKBitmap.Decode(file);
        Assert.Equal(8, decoded.Width);
    }

    [Theory]
    [InlineData("zTXt")]
    [InlineData("iTXt deflated")]
    public void A_compressed_text_is_read_whole_unless_it_is_too_long_or_damaged(string chunk)
    {
        string text = new string('a', 2 << 20) + "\nSteps: 1";
        Assert.Equal(text, ImageMetadata.TextIn(InPng(chunk[..4], Chunk(chunk, Encoding.UTF8.GetBytes(text)))));
        byte[] bomb = InPng(chunk[..4], Chunk(chunk, new byte[(16 << 20) + 1]));
        Assert.Contains(
            "more than 16 MiB", Assert.Throws<InvalidDataException>(() => ImageMetadata.TextIn(bomb)).Message, StringComparison.Ordinal);
        byte[] whole = Chunk(chunk, Encoding.UTF8.GetBytes(Text));
        foreach (int missing in (int[])[1, 4, 8, 40])
        {
            Assert.Contains(
                "damaged", Assert.Throws<InvalidDataException>(() => ImageMetadata.TextIn(InPng(chunk[..4], whole[..^missing]))).Message,
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("a", 10_000, true)]
    [InlineData("a", 32_000, true)]
    [InlineData("é", 16_000, true)]
    [InlineData("é", 32_000, false)]
    [InlineData("語", 16_000, true)]
    [InlineData("語", 17_000, false)]
    public void A_jpeg_too_small_for_its_settings_is_refused_before_an_image_is_made(string character, int length, bool isHeld)
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("stub")));
        string prompt = string.Concat(Enumerable.Repeat(character, length));
        Assert.Equal(isHeld, Faults(model, prompt, "jpeg", true).Count == 0);
        Assert.Empty(Faults(model, prompt, "png", true));
        Assert.Empty(Faults(model, prompt, "webp", true));
        Assert.Empty(Faults(model, prompt, "jpeg", false));
        if (!isHeld)
        {
            FieldFault fault = Assert.Single(Faults(model, prompt, "jpeg", true));
            Assert.Equal("output.format", fault.Field);
            Assert.Contains("png or webp", fault.Message, StringComparison.Ordinal);
            Assert.Contains("metadata", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Both_prompts_of_the_longest_length_fit_into_a_jpeg()
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("stub")));
        ResolvedRequest request = Resolve(model, new string('a', 32_000), new string('b', 32_000), "jpeg", true);
        string text = Infotext.Write(request, 7);
        Assert.Equal(text, ImageMetadata.TextIn(ImageWriter.Encode(Gray(8), request.Request.Output, text)));
        Assert.Equal(new string('b', 32_000), (string?)ImageMetadata.Read(text).Request["negative_prompt"]);
    }

    private static IReadOnlyList<FieldFault> Faults(ModelFolder model, string prompt, string format, bool metadata)
    {
        try
        {
            Resolve(model, prompt, prompt, format, metadata);
            return [];
        }
        catch (FieldFaultException exception)
        {
            return exception.Faults;
        }
    }

    private static ResolvedRequest Resolve(ModelFolder model, string prompt, string negative, string format, bool metadata)
    {
        var request = new JsonObject
        {
            ["prompt"] = prompt,
            ["negative_prompt"] = negative,
            ["seeds"] = new JsonArray(7, ulong.MaxValue),
            ["output"] = new JsonObject { ["format"] = format, ["metadata"] = metadata },
        };
        return ModelFamilies.Resolve(RequestReader.Read(request), ModelFamilies.CardOf(model, ModelFacts.Read(model)));
    }

    private static byte[] Bytes(string encoding, string text) => encoding switch
    {
        "utf-8" => Encoding.UTF8.GetBytes(text),
        "utf-16le" => Encoding.Unicode.GetBytes(text),
        "utf-16be" => Encoding.BigEndianUnicode.GetBytes(text),
        _ => Bytes(encoding["bom ".Length..], "\uFEFF" + text),
    };

    private static byte[] Chunk(string chunk, byte[] text) => chunk switch
    {
        "tEXt" => [.. "parameters\0"u8, .. text],
        "zTXt" => [.. "parameters\0\0"u8, .. Deflate(text)],
        "iTXt" => [.. "parameters\0\0\0\0\0"u8, .. text],
        _ => [.. "parameters\0\u0001\0en\0settings\0"u8, .. Deflate(text)],
    };

    private static byte[] Deflate(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(bytes);
        }
        return packed.ToArray();
    }

    /// <summary>A block whose second directory has the comment; a comment of up to four bytes is in the entry itself.</summary>
    private static byte[] Tiff(byte[] comment, bool isBig)
    {
        const int Data = 44;
        var tiff = new byte[Data + comment.Length];
        (isBig ? "MM\0*"u8 : "II*\0"u8).CopyTo(tiff);
        Int(4, 8);
        Short(8, 1);
        Short(10, 0x8769);
        Short(12, 4);
        Int(14, 1);
        Int(18, 26);
        Short(26, 1);
        Short(28, 0x9286);
        Short(30, 7);
        Int(32, comment.Length);
        if (comment.Length <= 4)
        {
            comment.CopyTo(tiff, 36);
        }
        else
        {
            Int(36, Data);
        }
        comment.CopyTo(tiff, Data);
        return tiff;

        void Int(int at, int value)
        {
            if (isBig)
            {
                BinaryPrimitives.WriteInt32BigEndian(tiff.AsSpan(at), value);
            }
            else
            {
                BinaryPrimitives.WriteInt32LittleEndian(tiff.AsSpan(at), value);
            }
        }

        void Short(int at, ushort value)
        {
            if (isBig)
            {
                BinaryPrimitives.WriteUInt16BigEndian(tiff.AsSpan(at), value);
            }
            else
            {
                BinaryPrimitives.WriteUInt16LittleEndian(tiff.AsSpan(at), value);
            }
        }
    }

    private static byte[] InJpeg(byte[] tiff) =>
        [.. Jpeg[..2], 0xFF, 0xFF, 0xE1, (byte)((tiff.Length + 8) >> 8), (byte)(tiff.Length + 8), .. "Exif\0\0"u8, .. tiff, .. Jpeg[2..]];

    private static byte[] InWebp(byte[] tiff)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, tiff.Length);
        byte[] body = [.. Webp[8..], .. "EXIF"u8, .. length, .. tiff, .. new byte[tiff.Length % 2]];
        BinaryPrimitives.WriteInt32LittleEndian(length, body.Length);
        return [.. "RIFF"u8, .. length, .. body];
    }

    private static byte[] InPng(string type, byte[] data, byte[]? png = null)
    {
        png ??= Png;
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        // Other programs put the chunk before the end; its checksum is not read.
        return [.. png[..^12], .. length, .. Encoding.ASCII.GetBytes(type), .. data, .. new byte[4], .. png[^12..]];
    }

    private static PixelImage Gray(int side) => new(side, side, new byte[3 * side * side]);
}
