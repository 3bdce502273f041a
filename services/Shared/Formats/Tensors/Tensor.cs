namespace Brownian.Formats.Tensors;

/// <summary>A tensor of float32 values, row-major.</summary>
/// <param name="Values">The values, as many as the product of the shape. Owned by the record; not copied.</param>
/// <param name="Shape">The size of every dimension.</param>
public sealed record Tensor(float[] Values, IReadOnlyList<int> Shape)
{
    /// <summary>Concatenates tensors along their first axis.</summary>
    /// <param name="tensors">At least one tensor; all with the same shape beyond the first axis.</param>
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
