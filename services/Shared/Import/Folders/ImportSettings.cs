namespace Brownian.Import.Folders;

/// <summary>How a checkpoint is imported.</summary>
/// <param name="Variant">The variant of files to prefer, such as <c>fp16</c>; null for none.</param>
/// <param name="Graphs">How graphs are built.</param>
public sealed record ImportSettings(string? Variant, GraphOptions Graphs);
