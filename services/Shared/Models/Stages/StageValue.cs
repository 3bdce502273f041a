using System.Runtime.InteropServices;
using Brownian.Diffusion.Numerics;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Models.Stages;

/// <summary>An output of a stage: an array of numbers, as little-endian bytes.</summary>
/// <param name="Dtype">The element type.</param>
/// <param name="Shape">The size of every dimension.</param>
/// <param name="Bytes">The elements, row-major.</param>
public sealed record StageValue(StageDtype Dtype, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Creates a value from a tensor.</summary>
    public static StageValue From(Tensor tensor) =>
        new(StageDtype.Float32, [.. tensor.Shape], MemoryMarshal.AsBytes(tensor.Values.AsSpan()).ToArray());

    /// <summary>Creates a one-dimensional value from bytes.</summary>
    public static StageValue From(byte[] bytes) => new(StageDtype.UInt8, [bytes.Length], bytes);

    /// <summary>Returns a float32 value as a tensor.</summary>
    /// <exception cref="InvalidDataException">The value has another type, or its length does not fit its shape.</exception>
    public Tensor ToTensor()
    {
        if (Dtype != StageDtype.Float32 || Bytes.Length % sizeof(float) != 0 || ElementCount.Of(Shape) != Bytes.Length / sizeof(float))
        {
            throw new InvalidDataException($"{Bytes.Length} bytes of {Dtype} with the shape [{string.Join(", ", Shape)}] are not a float32 tensor");
        }
        return new Tensor(MemoryMarshal.Cast<byte, float>(Bytes.Span).ToArray(), Shape);
    }

    /// <summary>Converts bytes of [height, width, 3], or numbers of [1, 3, height, width] in about [-1, 1], to an image.</summary>
    /// <exception cref="InvalidDataException">The value has another type or shape.</exception>
    /// <exception cref="DenoiseException">A number is not finite.</exception>
    public PixelImage ToImage() => (Dtype, Shape) switch
    {
        (StageDtype.UInt8, [int height, int width, 3]) when ElementCount.Of(Shape) == Bytes.Length => new PixelImage(width, height, Bytes.ToArray()),
        (StageDtype.Float32, [1, 3, int height, int width]) => Finite.All(ToTensor().Values)
            ? PixelImage.FromModel(ToTensor().Values, width, height)
            : throw new DenoiseException("The image is not finite (NaN or infinity): the model or its precision cannot follow these settings"),
        _ => throw new InvalidDataException($"{Bytes.Length} bytes of {Dtype} with the shape [{string.Join(", ", Shape)}] are not an image"),
    };
}
