namespace Brownian.Formats.Safetensors;

/// <summary>A tensor of a safetensors file, as the header describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">Its element type's name, for example <c>F32</c>, <c>F16</c>, <c>BF16</c>, <c>I64</c>.</param>
/// <param name="Shape">The size of every dimension, 0 or more; empty for a scalar.</param>
/// <param name="Count">The number of elements.</param>
/// <param name="Start">The position of its first byte in the file.</param>
/// <param name="Length">The length in bytes.</param>
public sealed record SafetensorsTensor(string Name, string Dtype, IReadOnlyList<int> Shape, long Count, long Start, long Length)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Dtype} [{string.Join(", ", Shape)}]";
}
