namespace Brownian.Adapters;

/// <summary>The weight of a module in a graph.</summary>
/// <param name="Module">The module's name in the reference, without a wrapper's prefix and without <c>text_model.</c></param>
/// <param name="Initializer">The weight's name in the graph.</param>
/// <param name="Rows">The module's outputs.</param>
/// <param name="Columns">The module's inputs; for a convolution, times the kernel's height and width.</param>
/// <param name="IsTransposed">Whether the graph stores it as [columns, rows].</param>
/// <param name="Obstacle">The reason why it cannot be changed, or null.</param>
/// <param name="Inputs">The module's inputs, for a convolution without its kernel.</param>
/// <param name="Bias">The name of the module's bias in the graph, [rows]; null when the module has none that can be changed.</param>
public sealed record ModuleWeight(
    string Module, string Initializer, long Rows, long Columns, bool IsTransposed, string? Obstacle, long Inputs, string? Bias);
