namespace Brownian.Import.Folders;

/// <summary>How far an import is.</summary>
/// <param name="Part">The graph that is written.</param>
/// <param name="Bytes">The bytes of weights that are written, those of an earlier import included.</param>
/// <param name="AllBytes">The bytes of weights of all graphs.</param>
public sealed record ImportProgress(string Part, long Bytes, long AllBytes);
