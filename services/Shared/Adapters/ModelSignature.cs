
namespace Brownian.Adapters;

/// <summary>The description of a model that adapters are compared with, for processes without the model.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Fingerprint">See <see cref="Brownian.Models.Folders.ModelFingerprint"/>.</param>
/// <param name="Parts">The graphs that adapters change, by their folders.</param>
public sealed record ModelSignature(string Model, string Fingerprint, IReadOnlyDictionary<string, GraphSignature> Parts);
