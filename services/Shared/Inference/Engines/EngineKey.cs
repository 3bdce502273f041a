namespace Brownian.Inference.Engines;

/// <summary>What tells a loaded graph from others.</summary>
/// <param name="Model">The model's name; empty for a ControlNet of the folders of adapters, which all models share.</param>
/// <param name="Part">The graph's folder in the model's.</param>
/// <param name="Adapters">What is merged into it; empty for nothing.</param>
internal readonly record struct EngineKey(string Model, string Part, string Adapters = "");
