namespace Brownian.Jobs.Costs;

/// <summary>What the time of a unit of a stage depends on, besides the device.</summary>
/// <param name="Kind">The stage's kind.</param>
/// <param name="Model">The model; empty for a stage that runs none.</param>
/// <param name="Fingerprint">The fingerprint of the model's files; empty for a stage that runs none.</param>
/// <param name="Pixels">Height times width of the latents; 0 for a stage whose time does not depend on them.</param>
/// <param name="Batch">The rows of an evaluation: one per pass of guidance.</param>
public sealed record StageShape(string Kind, string Model, string Fingerprint, long Pixels, int Batch);
