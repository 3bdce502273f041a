namespace Brownian.Formats.Tensors;

/// <summary>Float32 values with a shape, row-major.</summary>
/// <param name="Values">As many as the shape's product. Owned by the record; not copied.</param>
/// <param name="Shape">The size of every dimension.</param>
public sealed record Tensor(float[] Values, IReadOnlyList<int> Shape)
{
    /// <summary>Tensors of one shape after another along their first axis.</summary>
    /// <param name="tensors">At least one; all of one shape.</param>
    public static Tensor Concat(IReadOnlyList<Tensor> tensors)
    {
        ArgumentOutOfRangeException.ThrowIfZero(tensors.Count);
        IReadOnlyList<int> rest = [.. tensors[0].Shape.Skip(1)];
        if (tensors.Any(tensor => !tensor.Shape.Skip(1).SequenceEqual(rest)))
        {
            throw new ArgumentException("The tensors' shapes differ beyond the first axis", nameof(tensors));
        }
        return new Tensor([.. tensors.SelectMany(tensor => tensor.Values)], [tensors.Sum(tensor => tensor.Shape[0]), .. rest]);
    }
}
