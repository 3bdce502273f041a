namespace Brownian.Testing.Nodes;

/// <summary>What was logged once.</summary>
/// <param name="Event">The event's name.</param>
/// <param name="Text">The line.</param>
/// <param name="Scopes">What the scopes around it say.</param>
internal sealed record LogLine(string Event, string Text, IReadOnlyDictionary<string, object?> Scopes);
