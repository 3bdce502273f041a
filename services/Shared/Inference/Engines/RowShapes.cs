namespace Brownian.Inference.Engines;

/// <summary>
/// The sizes of one row of a graph's further inputs, in the graph's order. Instances with the same numbers are equal. Comparison allocates nothing.
/// </summary>
internal sealed class RowShapes : IEquatable<RowShapes>
{
    private readonly int[][] _shapes;

    public RowShapes(IEnumerable<int[]> shapes) => _shapes = [.. shapes];

    public static RowShapes None { get; } = new([]);

    public int Count => _shapes.Length;

    /// <summary>The shape of a row of an input, without the batch.</summary>
    public IReadOnlyList<int> this[int input] => _shapes[input];

    public bool Equals(RowShapes? other)
    {
        if (other is null || _shapes.Length != other._shapes.Length)
        {
            return false;
        }
        for (int i = 0; i < _shapes.Length; i++)
        {
            if (!_shapes[i].AsSpan().SequenceEqual(other._shapes[i]))
            {
                return false;
            }
        }
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as RowShapes);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int size in _shapes.SelectMany(shape => shape))
        {
            hash.Add(size);
        }
        return hash.ToHashCode();
    }
}
