using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Models.Folders;

namespace Brownian.Inference.Engines;

/// <summary>A ControlNet that runs may hear; its graph is loaded when it is first heard.</summary>
/// <param name="file">Its graph's file.</param>
/// <param name="load">Loads the graph, or gives the loaded one. May wait, and must not allocate once it is there.</param>
internal sealed class ControlNet(GraphFile file, Func<ControlNetGraph> load)
{
    /// <summary>Whether it says the same to every place of a layer, as those that are shown a shuffled image do.</summary>
    public bool Pools { get; } = file.Config?["global_pool_conditions"] is JsonValue value && value.TryGetValue(out bool pools) && pools;

    /// <summary>The graph.</summary>
    /// <exception cref="ModelException">It is missing, damaged, or no ControlNet's.</exception>
    public ControlNetGraph Graph => load();
}
