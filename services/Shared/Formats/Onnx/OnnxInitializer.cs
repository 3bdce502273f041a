using Brownian.Formats.Tensors;

namespace Brownian.Formats.Onnx;

/// <summary>A weight of an ONNX graph: where it lies in the file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The number of its element type in <c>onnx.proto3</c>.</param>
/// <param name="Shape">The size of every dimension.</param>
/// <param name="Start">The first byte of its field in the graph, tag included.</param>
/// <param name="End">The byte after its field.</param>
/// <param name="Raw">Where its bytes lie in the file; null where they lie elsewhere.</param>
/// <param name="Packed">Where its values lie as numbers of <c>float_data</c> or <c>int32_data</c>, in order.</param>
/// <param name="External">The entries of <c>external_data</c>; null for data in the file.</param>
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

    /// <summary>Bytes an element, or null for a type that cannot be merged.</summary>
    public int? ElementBytes => Type switch
    {
        Float32 => 4,
        Float16 or Bfloat16 => 2,
        _ => null,
    };

    /// <summary>The number of elements.</summary>
    /// <exception cref="OverflowException">The shape has a negative side, or more elements than 63 bits count.</exception>
    public long Count => ElementCount.Of(Shape) ?? throw new OverflowException($"the shape [{string.Join(", ", Shape)}] has no number of elements");
}
