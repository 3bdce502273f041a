using System.Text.Json.Serialization;

namespace Brownian.Adapters;

/// <summary>What adapters are compared with: a graph's modules and its table of token embeddings, wherever the graph itself is. Immutable.</summary>
public sealed class GraphSignature
{
    private readonly Dictionary<string, ModuleSize> _modules;
    private readonly Dictionary<string, string> _flat = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _stability;

    /// <param name="graph">What messages call the graph.</param>
    /// <param name="modules">The modules whose weights were found, each once.</param>
    /// <param name="tokenWidth">As of <see cref="TokenWidth"/>.</param>
    /// <param name="tokenObstacle">As of <see cref="TokenObstacle"/>.</param>
    [JsonConstructor]
    public GraphSignature(string graph, IReadOnlyCollection<ModuleSize> modules, int? tokenWidth, string? tokenObstacle)
    {
        (Graph, TokenWidth, TokenObstacle) = (graph, tokenWidth, tokenObstacle);
        _modules = modules.ToDictionary(module => module.Module, StringComparer.Ordinal);
        foreach (ModuleSize module in modules)
        {
            string flat = ModuleNames.Flat(module.Module);
            if (!_flat.TryAdd(flat, module.Module))
            {
                foreach (string one in (string[])[_flat[flat], module.Module])
                {
                    _modules[one] = _modules[one] with { Obstacle = $"is one of two modules that are called {flat} when flattened" };
                }
            }
        }
        _stability = StabilityNames.Of(_modules.Keys);
    }

    /// <summary>What messages call the graph.</summary>
    public string Graph { get; }

    /// <summary>The modules.</summary>
    public IReadOnlyCollection<ModuleSize> Modules => _modules.Values;

    /// <summary>The width of the table of token embeddings; null where the graph has none that can grow.</summary>
    public int? TokenWidth { get; }

    /// <summary>Why the table cannot grow, or null.</summary>
    public string? TokenObstacle { get; }

    /// <summary>The width of what the UNet's cross-attention attends to, or null.</summary>
    [JsonIgnore]
    public int? CrossAttentionWidth =>
        _modules.Values.FirstOrDefault(module => module.Module.EndsWith(".attn2.to_k", StringComparison.Ordinal)) is { } key
            ? (int)key.Columns
            : null;

    /// <summary>The same, called otherwise.</summary>
    public GraphSignature Named(string graph) => new(graph, Modules, TokenWidth, TokenObstacle);

    /// <summary>A module.</summary>
    /// <param name="name">Its name: the reference's, with or without a prefix; or a trainer's flattened one, of diffusers' or of Stability's
    /// blocks.</param>
    /// <param name="isFlat">Whether it is flattened.</param>
    /// <returns>Null where the graph has no such module.</returns>
    public ModuleSize? Find(string name, bool isFlat)
    {
        if (!isFlat)
        {
            return _modules.GetValueOrDefault(ModuleNames.Canonical(name));
        }
        string flat = ModuleNames.CanonicalFlat(name);
        return (_flat.GetValueOrDefault(flat) ?? _stability.GetValueOrDefault(flat)) is { } module ? _modules[module] : null;
    }
}
