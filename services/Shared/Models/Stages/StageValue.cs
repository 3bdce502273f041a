using System.Runtime.InteropServices;
using Brownian.Diffusion.Numerics;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Models.Stages;

/// <summary>What a stage hands on: numbers with a shape, as little-endian bytes.</summary>
/// <param name="Dtype">The element type.</param>
/// <param name="Shape">The size of every dimension.</param>
/// <param name="Bytes">The elements, row-major.</param>
public sealed record StageValue(StageDtype Dtype, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>A tensor's bytes.</summary>
    public static StageValue From(Tensor tensor) =>
        new(StageDtype.Float32, [.. tensor.Shape], MemoryMarshal.AsBytes(tensor.Values.AsSpan()).ToArray());

    /// <summary>Bytes without more shape than their length.</summary>
    public static StageValue From(byte[] bytes) => new(StageDtype.UInt8, [bytes.Length], bytes);

    /// <summary>The numbers of a float32 value.</summary>
    /// <exception cref="InvalidDataException">It is of another type, or its length is not its shape's.</exception>
    public Tensor ToTensor()
    {
        if (Dtype != StageDtype.Float32 || Bytes.Length % sizeof(float) != 0 || ElementCount.Of(Shape) != Bytes.Length / sizeof(float))
        {
            throw new InvalidDataException($"{Bytes.Length} bytes of {Dtype} with the shape [{string.Join(", ", Shape)}] are no float32 tensor");
        }
        return new Tensor(MemoryMarshal.Cast<byte, float>(Bytes.Span).ToArray(), Shape);
    }

    /// <summary>The image of bytes of [height, width, 3], or of numbers of [1, 3, height, width] in about [-1, 1].</summary>
    /// <exception cref="InvalidDataException">It is of another type or shape.</exception>
    /// <exception cref="DenoiseException">A number is not finite.</exception>
    public PixelImage ToImage() => (Dtype, Shape) switch
    {
        (StageDtype.UInt8, [int height, int width, 3]) when ElementCount.Of(Shape) == Bytes.Length => new PixelImage(width, height, Bytes.ToArray()),
        (StageDtype.Float32, [1, 3, int height, int width]) => Finite.All(ToTensor().Values)
            ? PixelImage.FromModel(ToTensor().Values, width, height)
            : throw new DenoiseException("The picture is not finite (NaN or infinity): the model or its precision cannot follow these settings"),
        _ => throw new InvalidDataException($"{Bytes.Length} bytes of {Dtype} with the shape [{string.Join(", ", Shape)}] are no picture"),
    };
}
