namespace Brownian.Inference.Sessions;

/// <summary>An input or output of a graph, as the session describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">Its element type.</param>
/// <param name="Shape">Its dimensions; -1 where any size is taken. Symbolic names are left out: exporters give one name to different sizes.</param>
public sealed record GraphTensor(string Name, TensorDtype Dtype, IReadOnlyList<int> Shape)
{
    /// <summary>The number of dimensions; 0 for a scalar.</summary>
    public int Rank => Shape.Count;

    /// <summary>The size of a dimension where the graph fixes it.</summary>
    /// <param name="dimension">0..<see cref="Rank"/>-1.</param>
    public int? Fixed(int dimension) => dimension < Rank && Shape[dimension] > 0 ? Shape[dimension] : null;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name} {Dtype.Name()} [{string.Join(", ", Shape.Select(size => size < 0 ? "?" : size.ToString(CultureInfo.InvariantCulture)))}]";
}
