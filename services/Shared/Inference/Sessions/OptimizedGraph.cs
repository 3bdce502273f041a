namespace Brownian.Inference.Sessions;

/// <summary>The optimised form of a graph that was made.</summary>
/// <param name="File">The file of the graph that it was made of.</param>
/// <param name="Folder">Its folder.</param>
/// <param name="Bytes">Its size on the disk.</param>
/// <param name="Time">How long it took.</param>
public sealed record OptimizedGraph(string File, string Folder, long Bytes, TimeSpan Time);
