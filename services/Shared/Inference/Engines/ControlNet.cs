using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Models.Folders;

namespace Brownian.Inference.Engines;

/// <summary>A ControlNet that runs may use. Its graph is loaded on first use.</summary>
/// <param name="file">The graph's file.</param>
/// <param name="load">Returns the graph, and loads it first when needed. May block, and must not allocate when the graph is loaded.</param>
internal sealed class ControlNet(GraphFile file, Func<ControlNetGraph> load)
{
    /// <summary>Whether the residuals are the same at every position of a layer, as for ControlNets of shuffled images.</summary>
    public bool Pools { get; } = file.Config?["global_pool_conditions"] is JsonValue value && value.TryGetValue(out bool pools) && pools;

    /// <summary>The graph.</summary>
    /// <exception cref="ModelException">The graph is missing, damaged, or not a ControlNet.</exception>
    public ControlNetGraph Graph => load();
}
