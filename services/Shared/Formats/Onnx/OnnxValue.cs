namespace Brownian.Formats.Onnx;

/// <summary>An input or output of a graph, as its file says.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its sides; null for one that only a run tells.</param>
public sealed record OnnxValue(string Name, IReadOnlyList<int?> Shape)
{
    /// <summary>The size of a dimension, or null where it is not fixed or not there.</summary>
    public int? Fixed(int dimension) => dimension < Shape.Count ? Shape[dimension] : null;
}
