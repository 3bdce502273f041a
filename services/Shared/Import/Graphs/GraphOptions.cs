namespace Brownian.Import.Graphs;

/// <summary>How graphs are built.</summary>
/// <param name="IsPortable">
/// Whether only standard operators of ONNX are used, which every runtime has. Otherwise ONNX Runtime's own operators are used where they are faster.
/// </param>
public sealed record GraphOptions(bool IsPortable = false);
