namespace Brownian.Inference.Engines;

/// <summary>The sizes of one row of a graph's further inputs, in the graph's order; equal to another one with the same numbers.</summary>
internal sealed class RowShapes : IEquatable<RowShapes>
{
    private readonly IReadOnlyList<int[]> _shapes;

    public RowShapes(IEnumerable<int[]> shapes) => _shapes = [.. shapes];

    public static RowShapes None { get; } = new([]);

    public int Count => _shapes.Count;

    /// <summary>The shape of a row of an input, without the batch.</summary>
    public IReadOnlyList<int> this[int input] => _shapes[input];

    public bool Equals(RowShapes? other) =>
        ReferenceEquals(this, other) || (other is not null && _shapes.Count == other._shapes.Count && _shapes.Zip(other._shapes).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second)));

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
