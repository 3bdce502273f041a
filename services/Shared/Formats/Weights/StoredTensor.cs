namespace Brownian.Formats.Weights;

/// <summary>A tensor in a file of weights.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Format">How its elements are stored.</param>
/// <param name="Shape">The size of every dimension, outermost first, 0 or more; empty for a scalar.</param>
/// <param name="Start">The position of its first element in the file, in bytes.</param>
public sealed record StoredTensor(string Name, ElementFormat Format, IReadOnlyList<int> Shape, long Start)
{
    /// <summary>
    /// The distance between neighbours along every dimension, in elements, for a view whose elements are not stored in row-major order; null when
    /// they are.
    /// </summary>
    public IReadOnlyList<long>? Strides { get; init; }

    /// <summary>The number of elements.</summary>
    public long Count => Shape.Aggregate(1L, static (product, side) => product * side);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Format} [{string.Join(", ", Shape)}]";
}
