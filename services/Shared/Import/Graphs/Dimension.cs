namespace Brownian.Import.Graphs;

/// <summary>A dimension of an input or output of a graph.</summary>
/// <param name="Size">Its size; null for any.</param>
/// <param name="Name">The name of a dimension of any size.</param>
public readonly record struct Dimension(int? Size, string Name)
{
    /// <summary>A dimension of a size.</summary>
    public static implicit operator Dimension(int size) => new(size, "");

    /// <summary>A dimension of any size.</summary>
    public static implicit operator Dimension(string name) => new(null, name);
}
