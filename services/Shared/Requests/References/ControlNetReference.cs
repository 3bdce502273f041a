namespace Brownian.Requests.References;

/// <summary>A ControlNet of a request: what plans carry instead of a graph.</summary>
/// <param name="Name">The graph's folder in the model's (<c>controlnet</c>, <c>controlnet_1</c>, ...) or in the folders of adapters.</param>
/// <param name="Fingerprint">What tells the files in the folders of adapters from others of the name; null for the model's own, which its fingerprint
/// covers.</param>
public sealed record ControlNetReference(string Name, string? Fingerprint = null);
