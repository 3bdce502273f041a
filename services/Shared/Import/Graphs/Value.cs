namespace Brownian.Import.Graphs;

/// <summary>A value of a graph that is being built: an input, a weight, or the output of a node.</summary>
/// <param name="Name">Its name in the graph.</param>
public readonly record struct Value(string Name)
{
    /// <summary>An optional input that is left out.</summary>
    public static Value None { get; } = new("");

    /// <summary>Whether it is left out.</summary>
    public bool IsNone => Name.Length == 0;
}
