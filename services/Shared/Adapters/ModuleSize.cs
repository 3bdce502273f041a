namespace Brownian.Adapters;

/// <summary>A module of a graph: what a LoRA's must fit.</summary>
/// <param name="Module">As of <see cref="ModuleWeight.Module"/>.</param>
/// <param name="Rows">As of <see cref="ModuleWeight.Rows"/>.</param>
/// <param name="Columns">As of <see cref="ModuleWeight.Columns"/>.</param>
/// <param name="Obstacle">As of <see cref="ModuleWeight.Obstacle"/>.</param>
public sealed record ModuleSize(string Module, long Rows, long Columns, string? Obstacle);
