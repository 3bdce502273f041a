namespace Brownian.Requests.References;

/// <summary>A reference to a ControlNet of a request; plans contain it instead of a graph.</summary>
/// <param name="Name">The graph's folder within the model (<c>controlnet</c>, <c>controlnet_1</c>, ...) or in the folders of adapters.</param>
/// <param name="Fingerprint">The fingerprint of the files in the folders of adapters; null for the model's own, which its fingerprint covers.</param>
public sealed record ControlNetReference(string Name, string? Fingerprint = null);
