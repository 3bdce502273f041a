namespace Brownian.Import.Folders;

/// <summary>A file of the model folder that is no graph.</summary>
/// <param name="Name">Its path within the folder.</param>
/// <param name="Open">Opens its content.</param>
internal sealed record ImportedFile(string Name, Func<Stream> Open);
