namespace Brownian.Formats.Onnx;

/// <summary>An input or output of a graph, as declared in its file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">The sizes of its dimensions; null for one that is known only at run time.</param>
public sealed record OnnxValue(string Name, IReadOnlyList<int?> Shape)
{
    /// <summary>Returns the size of a dimension, or null when it is not fixed or does not exist.</summary>
    public int? Fixed(int dimension) => dimension < Shape.Count ? Shape[dimension] : null;
}
