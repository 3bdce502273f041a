using Brownian.Import.Weights;

namespace Brownian.Import.Graphs;

/// <summary>A weight that a graph uses.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its shape in the graph.</param>
/// <param name="Parameter">Where its elements are.</param>
internal sealed record GraphWeight(string Name, IReadOnlyList<int> Shape, Parameter Parameter);
