
namespace Brownian.Adapters;

/// <summary>What adapters for a model are compared with, in processes that do not have the model.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Fingerprint">As of <see cref="Brownian.Models.Folders.ModelFingerprint"/>.</param>
/// <param name="Parts">The graphs that adapters change, by their folders.</param>
public sealed record ModelSignature(string Model, string Fingerprint, IReadOnlyDictionary<string, GraphSignature> Parts);
