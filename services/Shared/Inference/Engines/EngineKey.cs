namespace Brownian.Inference.Engines;

/// <summary>Identifies a loaded graph.</summary>
/// <param name="Model">The model's name; empty for a ControlNet of the adapters' folders, which all models share.</param>
/// <param name="Part">The graph's folder within the model's folder.</param>
/// <param name="Adapters">The key of the adapters that are merged into it; empty for none.</param>
internal readonly record struct EngineKey(string Model, string Part, string Adapters = "");
