using Brownian.Formats.Tensors;

namespace Brownian.Formats.Onnx;

/// <summary>A weight of an ONNX graph, with its position in the file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The number of its element type in <c>onnx.proto3</c>.</param>
/// <param name="Shape">The size of every dimension.</param>
/// <param name="Start">The first byte of its field in the graph, including the tag.</param>
/// <param name="End">The byte after its field.</param>
/// <param name="Raw">The range of its bytes in the file; null when they are stored elsewhere.</param>
/// <param name="Packed">The ranges of its values that are stored as numbers in <c>float_data</c> or <c>int32_data</c>, in order.</param>
/// <param name="External">The entries of <c>external_data</c>; null for data in this file.</param>
public sealed record OnnxInitializer(
    string Name,
    int Type,
    IReadOnlyList<long> Shape,
    long Start,
    long End,
    (long Start, long End)? Raw,
    IReadOnlyList<(int Field, int WireType, long Start, long End)> Packed,
    IReadOnlyDictionary<string, string>? External)
{
    /// <summary>ONNX's number for float32.</summary>
    public const int Float32 = 1;
    /// <summary>ONNX's number for float16.</summary>
    public const int Float16 = 10;
    /// <summary>ONNX's number for bfloat16.</summary>
    public const int Bfloat16 = 16;

    /// <summary>The number of bytes of an element, or null for a type that cannot be merged.</summary>
    public int? ElementBytes => Type switch
    {
        Float32 => 4,
        Float16 or Bfloat16 => 2,
        _ => null,
    };

    /// <summary>The number of elements.</summary>
    /// <exception cref="OverflowException">The shape has a negative side, or the number of elements exceeds 63 bits.</exception>
    public long Count => ElementCount.Of(Shape) ?? throw new OverflowException($"the shape [{string.Join(", ", Shape)}] has too many elements");
}
