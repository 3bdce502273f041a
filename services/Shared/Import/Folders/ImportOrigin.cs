namespace Brownian.Import.Folders;

/// <summary>Where a checkpoint comes from.</summary>
/// <param name="Source">What the model's description names as its source, such as <c>OWNER/NAME@COMMIT</c>.</param>
/// <param name="License">The licence that is stated there; null for that of the checkpoint's own files.</param>
public sealed record ImportOrigin(string Source, string? License);
