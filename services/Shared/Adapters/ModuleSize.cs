namespace Brownian.Adapters;

/// <summary>The size of a graph's module, which the modules of a LoRA must fit.</summary>
/// <param name="Module">See <see cref="ModuleWeight.Module"/>.</param>
/// <param name="Rows">See <see cref="ModuleWeight.Rows"/>.</param>
/// <param name="Columns">See <see cref="ModuleWeight.Columns"/>.</param>
/// <param name="Obstacle">See <see cref="ModuleWeight.Obstacle"/>.</param>
/// <param name="Inputs">See <see cref="ModuleWeight.Inputs"/>; null in signatures of workers before 0.3.0.</param>
/// <param name="HasBias">Whether the module has a bias that can be changed.</param>
public sealed record ModuleSize(string Module, long Rows, long Columns, string? Obstacle, long? Inputs = null, bool HasBias = false);
