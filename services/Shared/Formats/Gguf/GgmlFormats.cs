using System.Buffers.Binary;
using Brownian.Formats.Weights;

namespace Brownian.Formats.Gguf;

/// <summary>
/// The element types of GGUF files (ggml's ggml.h, enum ggml_type) that can be read. Quantised ones are converted as by ggml's ggml-quants.c: a value
/// is scale * quant, or scale * quant + offset, in float32 and in this order of operations.
/// </summary>
public static class GgmlFormats
{
    /// <summary>The elements of a block with one scale.</summary>
    private const int Small = 32;

    /// <summary>The elements of a block whose parts have scales of their own.</summary>
    private const int Large = 256;

    private static readonly Dictionary<uint, ElementFormat> Readable = new()
    {
        [0] = ElementFormat.F32,
        [1] = ElementFormat.F16,
        [2] = new("Q4_0", Small, 18, Blocks(Small, 18, DecodeQ40)),
        [3] = new("Q4_1", Small, 20, Blocks(Small, 20, DecodeQ41)),
        [6] = new("Q5_0", Small, 22, Blocks(Small, 22, DecodeQ50)),
        [7] = new("Q5_1", Small, 24, Blocks(Small, 24, DecodeQ51)),
        [8] = new("Q8_0", Small, 34, Blocks(Small, 34, DecodeQ80)),
        [12] = new("Q4_K", Large, 144, Blocks(Large, 144, DecodeQ4K)),
        [13] = new("Q5_K", Large, 176, Blocks(Large, 176, DecodeQ5K)),
        [14] = new("Q6_K", Large, 210, Blocks(Large, 210, DecodeQ6K)),
        [24] = ElementFormat.I8,
        [25] = ElementFormat.I16,
        [26] = ElementFormat.I32,
        [27] = ElementFormat.I64,
        [28] = ElementFormat.F64,
        [30] = ElementFormat.BF16,
    };

    private static readonly Dictionary<uint, string> Others = new()
    {
        [9] = "Q8_1",
        [10] = "Q2_K",
        [11] = "Q3_K",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [20] = "IQ4_NL",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [23] = "IQ4_XS",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
    };

    private delegate void BlockDecoder(ReadOnlySpan<byte> block, Span<float> values);

    /// <summary>The names of the types that can be read.</summary>
    public static IEnumerable<string> Names => Readable.Values.Select(format => format.Name);

    /// <summary>Returns a type; null when it cannot be read.</summary>
    /// <param name="number">Its number in files.</param>
    public static ElementFormat? Find(uint number) => Readable.GetValueOrDefault(number);

    /// <summary>Returns the name of a type for messages.</summary>
    /// <param name="number">Its number in files.</param>
    public static string NameOf(uint number) =>
        Find(number)?.Name ?? Others.GetValueOrDefault(number) ?? string.Create(CultureInfo.InvariantCulture, $"type {number}");

    private static ElementFormat.Decoder Blocks(int elements, int size, BlockDecoder decode) => (bytes, values) =>
    {
        for (int i = 0; i * elements < values.Length; i++)
        {
            decode(bytes.Slice(i * size, size), values.Slice(i * elements, elements));
        }
    };

    private static float Half(ReadOnlySpan<byte> bytes, int at) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[at..]);

    /// <summary>Scale; 16 bytes: the lower halves are the first 16 elements, the upper halves the others.</summary>
    private static void DecodeQ40(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = Half(block, 0);
        for (int i = 0; i < Small / 2; i++)
        {
            int pair = block[2 + i];
            values[i] = scale * ((pair & 0xF) - 8);
            values[i + (Small / 2)] = scale * ((pair >> 4) - 8);
        }
    }

    /// <summary>Scale and offset; then as Q4_0.</summary>
    private static void DecodeQ41(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = Half(block, 0), offset = Half(block, 2);
        for (int i = 0; i < Small / 2; i++)
        {
            int pair = block[4 + i];
            values[i] = (scale * (pair & 0xF)) + offset;
            values[i + (Small / 2)] = (scale * (pair >> 4)) + offset;
        }
    }

    /// <summary>Scale; 32 fifth bits, one an element; then as Q4_0.</summary>
    private static void DecodeQ50(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = Half(block, 0);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[2..]);
        for (int i = 0; i < Small / 2; i++)
        {
            int pair = block[6 + i];
            values[i] = scale * (((pair & 0xF) | Fifth(high, i)) - 16);
            values[i + (Small / 2)] = scale * (((pair >> 4) | Fifth(high, i + (Small / 2))) - 16);
        }
    }

    /// <summary>Scale and offset; then as Q5_0.</summary>
    private static void DecodeQ51(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = Half(block, 0), offset = Half(block, 2);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        for (int i = 0; i < Small / 2; i++)
        {
            int pair = block[8 + i];
            values[i] = (scale * ((pair & 0xF) | Fifth(high, i))) + offset;
            values[i + (Small / 2)] = (scale * ((pair >> 4) | Fifth(high, i + (Small / 2)))) + offset;
        }
    }

    private static int Fifth(uint high, int index) => (int)((high >> index) & 1) << 4;

    /// <summary>Scale; a signed byte an element.</summary>
    private static void DecodeQ80(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = Half(block, 0);
        for (int i = 0; i < Small; i++)
        {
            values[i] = scale * (sbyte)block[2 + i];
        }
    }

    /// <summary>
    /// Scale of the scales, scale of the offsets, eight scales and offsets of six bits in 12 bytes, 128 bytes: 32 of them are 64 elements, the lower
    /// halves the first 32.
    /// </summary>
    private static void DecodeQ4K(ReadOnlySpan<byte> block, Span<float> values)
    {
        for (int part = 0; part < 8; part++)
        {
            (float scale, float offset) = ScaleAndOffset(block, part);
            ReadOnlySpan<byte> pairs = block.Slice(16 + (part / 2 * 32), 32);
            int shift = part % 2 * 4;
            for (int i = 0; i < 32; i++)
            {
                values[(part * 32) + i] = (scale * ((pairs[i] >> shift) & 0xF)) - offset;
            }
        }
    }

    /// <summary>As Q4_K, with 32 bytes of fifth bits before the others: bit p of byte i is that of element i of part p.</summary>
    private static void DecodeQ5K(ReadOnlySpan<byte> block, Span<float> values)
    {
        ReadOnlySpan<byte> high = block.Slice(16, 32);
        for (int part = 0; part < 8; part++)
        {
            (float scale, float offset) = ScaleAndOffset(block, part);
            ReadOnlySpan<byte> pairs = block.Slice(48 + (part / 2 * 32), 32);
            int shift = part % 2 * 4;
            for (int i = 0; i < 32; i++)
            {
                values[(part * 32) + i] = (scale * (((pairs[i] >> shift) & 0xF) | (((high[i] >> part) & 1) << 4))) - offset;
            }
        }
    }

    /// <summary>
    /// The scale and the offset of a part of Q4_K and Q5_K. Those of the parts 4 to 7 have their lower four bits in the last four bytes, and their
    /// upper two bits above the six of the parts 0 to 3.
    /// </summary>
    private static (float Scale, float Offset) ScaleAndOffset(ReadOnlySpan<byte> block, int part)
    {
        ReadOnlySpan<byte> packed = block.Slice(4, 12);
        (int scale, int offset) = part < 4
            ? (packed[part] & 0x3F, packed[part + 4] & 0x3F)
            : ((packed[part + 4] & 0xF) | (packed[part - 4] >> 6 << 4), (packed[part + 4] >> 4) | (packed[part] >> 6 << 4));
        return (Half(block, 0) * scale, Half(block, 2) * offset);
    }

    /// <summary>
    /// 128 bytes of lower four bits, 64 of upper two bits, 16 signed scales, scale of the scales. Of 128 elements, the first 64 have the lower
    /// halves of 64 bytes, the others the upper halves; 32 bytes hold the upper bits of all of them.
    /// </summary>
    private static void DecodeQ6K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float whole = Half(block, 208);
        for (int half = 0; half < 2; half++)
        {
            ReadOnlySpan<byte> low = block.Slice(half * 64, 64), high = block.Slice(128 + (half * 32), 32), scales = block.Slice(192 + (half * 8), 8);
            for (int i = 0; i < 128; i++)
            {
                int quant = ((low[i % 64] >> (i / 64 * 4)) & 0xF) | (((high[i % 32] >> (i / 32 * 2)) & 3) << 4);
                values[(half * 128) + i] = whole * (sbyte)scales[i / 16] * (quant - 32);
            }
        }
    }
}
