namespace Brownian.Testing.Nodes;

/// <summary>One log entry.</summary>
/// <param name="Event">The event's name.</param>
/// <param name="Text">The line.</param>
/// <param name="Scopes">The values of the scopes around it.</param>
internal sealed record LogLine(string Event, string Text, IReadOnlyDictionary<string, object?> Scopes);
