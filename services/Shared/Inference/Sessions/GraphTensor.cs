namespace Brownian.Inference.Sessions;

/// <summary>An input or output of a graph, as the session describes it.</summary>
/// <param name="Name">The name.</param>
/// <param name="Dtype">The element type.</param>
/// <param name="Shape">The dimensions; -1 for a dynamic size. Symbolic names are dropped, because exporters use one name for different sizes.</param>
public sealed record GraphTensor(string Name, TensorDtype Dtype, IReadOnlyList<int> Shape)
{
    /// <summary>The number of dimensions; 0 for a scalar.</summary>
    public int Rank => Shape.Count;

    /// <summary>Returns the size of a dimension that the graph fixes, or null.</summary>
    /// <param name="dimension">0..<see cref="Rank"/>-1.</param>
    public int? Fixed(int dimension) => dimension < Rank && Shape[dimension] > 0 ? Shape[dimension] : null;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name} {Dtype.Name()} [{string.Join(", ", Shape.Select(size => size < 0 ? "?" : size.ToString(CultureInfo.InvariantCulture)))}]";
}
