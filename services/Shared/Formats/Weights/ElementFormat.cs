using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Brownian.Formats.Tensors;

namespace Brownian.Formats.Weights;

/// <summary>How the elements of a tensor are stored: one by one, or in blocks of quantised elements that share their scales. Little-endian.</summary>
public sealed class ElementFormat
{
    private readonly Decoder? _decode;

    /// <param name="name">The name in messages; safetensors' name where it has the format, for example <c>BF16</c>.</param>
    /// <param name="blockElements">The elements of a block; 1 when elements are stored one by one.</param>
    /// <param name="blockBytes">The bytes of a block.</param>
    /// <param name="decode">Converts whole blocks to float32; null for a format that holds no real numbers.</param>
    public ElementFormat(string name, int blockElements, int blockBytes, Decoder? decode) =>
        (Name, BlockElements, BlockBytes, _decode) = (name, blockElements, blockBytes, decode);

    /// <summary>Converts whole blocks to float32.</summary>
    /// <param name="bytes">The blocks.</param>
    /// <param name="values">Receives their elements.</param>
    public delegate void Decoder(ReadOnlySpan<byte> bytes, Span<float> values);

    /// <summary>64-bit floats; values are rounded to float32.</summary>
    public static ElementFormat F64 { get; } = new("F64", 1, sizeof(double), static (bytes, values) =>
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(sizeof(double) * i)..]);
        }
    });

    /// <summary>32-bit floats.</summary>
    public static ElementFormat F32 { get; } =
        new("F32", 1, sizeof(float), static (bytes, values) => bytes.CopyTo(MemoryMarshal.AsBytes(values)));

    /// <summary>16-bit floats of IEEE 754; exact.</summary>
    public static ElementFormat F16 { get; } = new(
        "F16", 1, sizeof(ushort), static (bytes, values) => TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), values));

    /// <summary>bfloat16; exact.</summary>
    public static ElementFormat BF16 { get; } = new("BF16", 1, sizeof(ushort), Bfloat16.Widen);

    /// <summary>8-bit floats with four bits of exponent; exact, without the scales that may be stored beside a tensor.</summary>
    public static ElementFormat F8E4M3 { get; } = new("F8_E4M3", 1, 1, Float8.WidenE4M3);

    /// <summary>8-bit floats with five bits of exponent; exact, without the scales that may be stored beside a tensor.</summary>
    public static ElementFormat F8E5M2 { get; } = new("F8_E5M2", 1, 1, Float8.WidenE5M2);

    /// <summary>Signed bytes.</summary>
    public static ElementFormat I8 { get; } = Whole("I8", sizeof(sbyte), static bytes => (sbyte)bytes[0]);

    /// <summary>Unsigned bytes.</summary>
    public static ElementFormat U8 { get; } = Whole("U8", sizeof(byte), static bytes => bytes[0]);

    /// <summary>Signed 16-bit integers.</summary>
    public static ElementFormat I16 { get; } = Whole("I16", sizeof(short), static bytes => BinaryPrimitives.ReadInt16LittleEndian(bytes));

    /// <summary>Unsigned 16-bit integers.</summary>
    public static ElementFormat U16 { get; } = Whole("U16", sizeof(ushort), static bytes => BinaryPrimitives.ReadUInt16LittleEndian(bytes));

    /// <summary>Signed 32-bit integers; values are rounded to float32.</summary>
    public static ElementFormat I32 { get; } = Whole("I32", sizeof(int), static bytes => BinaryPrimitives.ReadInt32LittleEndian(bytes));

    /// <summary>Unsigned 32-bit integers; values are rounded to float32.</summary>
    public static ElementFormat U32 { get; } = Whole("U32", sizeof(uint), static bytes => BinaryPrimitives.ReadUInt32LittleEndian(bytes));

    /// <summary>Signed 64-bit integers; values are rounded to float32.</summary>
    public static ElementFormat I64 { get; } = Whole("I64", sizeof(long), static bytes => BinaryPrimitives.ReadInt64LittleEndian(bytes));

    /// <summary>Unsigned 64-bit integers; values are rounded to float32.</summary>
    public static ElementFormat U64 { get; } = Whole("U64", sizeof(ulong), static bytes => BinaryPrimitives.ReadUInt64LittleEndian(bytes));

    /// <summary>Truth values, a byte each.</summary>
    public static ElementFormat Bool { get; } = new("BOOL", 1, 1, null);

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The elements of a block; 1 when elements are stored one by one.</summary>
    public int BlockElements { get; }

    /// <summary>The bytes of a block.</summary>
    public int BlockBytes { get; }

    /// <summary>Whether elements are real numbers or integers, which <see cref="Decode"/> converts.</summary>
    public bool IsNumeric => _decode is not null;

    /// <summary>Returns the bytes of a number of elements, which is a multiple of <see cref="BlockElements"/>.</summary>
    public long BytesOf(long elements) => elements / BlockElements * BlockBytes;

    /// <summary>Converts whole blocks to float32.</summary>
    /// <param name="bytes">The blocks.</param>
    /// <param name="values">Receives their elements.</param>
    /// <exception cref="InvalidOperationException">The format is not numeric.</exception>
    public void Decode(ReadOnlySpan<byte> bytes, Span<float> values) =>
        (_decode ?? throw new InvalidOperationException($"{Name} is not numeric"))(bytes, values);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static ElementFormat Whole(string name, int size, Func<ReadOnlySpan<byte>, float> read) => new(name, 1, size, (bytes, values) =>
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = read(bytes[(size * i)..]);
        }
    });
}
