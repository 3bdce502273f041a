namespace Brownian.Program.Tests.Documents;

/// <summary>A command of a page, or a file that the page shows.</summary>
/// <param name="Line">Its line on the page.</param>
/// <param name="Text">The command; or the file's content.</param>
/// <param name="File">The file's name; null for a command.</param>
internal sealed record PageCommand(int Line, string Text, string? File = null);
