using Brownian.Import.Weights;

namespace Brownian.Import.Folders;

/// <summary>A graph of the model folder.</summary>
/// <param name="Part">The name of its folder.</param>
/// <param name="Graph">The graph.</param>
/// <param name="Config">The configuration that is written beside it.</param>
/// <param name="Constants">Weights that are used outside the graph: each is a file beside it, one row of numbers.</param>
internal sealed record ImportedGraph(string Part, GraphBuilder Graph, string Config, IReadOnlyDictionary<string, Parameter> Constants);
