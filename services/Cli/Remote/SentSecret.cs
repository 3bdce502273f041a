namespace Brownian.Cli.Remote;

/// <summary>A key or a token that a command sends.</summary>
/// <param name="Text">The key or the token.</param>
/// <param name="Source">Where it comes from, for messages: an option, a variable or a file.</param>
internal sealed record SentSecret(string Text, string Source);
