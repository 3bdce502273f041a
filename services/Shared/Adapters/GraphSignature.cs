using System.Text.Json.Serialization;

namespace Brownian.Adapters;

/// <summary>
/// The description of a graph that adapters are compared with: its modules and its table of token embeddings. The graph itself may be on another
/// machine. Immutable.
/// </summary>
public sealed class GraphSignature
{
    private readonly Dictionary<string, ModuleSize> _modules;
    private readonly Dictionary<string, string> _flat = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _stability;

    /// <param name="graph">The graph's name in messages.</param>
    /// <param name="modules">The modules whose weights were found, each once.</param>
    /// <param name="tokenWidth">See <see cref="TokenWidth"/>.</param>
    /// <param name="tokenObstacle">See <see cref="TokenObstacle"/>.</param>
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

    /// <summary>The graph's name in messages.</summary>
    public string Graph { get; }

    /// <summary>The modules.</summary>
    public IReadOnlyCollection<ModuleSize> Modules => _modules.Values;

    /// <summary>The width of the table of token embeddings; null when the graph has no table that can be extended.</summary>
    public int? TokenWidth { get; }

    /// <summary>The reason why the table cannot be extended, or null.</summary>
    public string? TokenObstacle { get; }

    /// <summary>The width of the context of the UNet's cross-attention, or null.</summary>
    [JsonIgnore]
    public int? CrossAttentionWidth =>
        _modules.Values.FirstOrDefault(module => module.Module.EndsWith(".attn2.to_k", StringComparison.Ordinal)) is { } key
            ? (int)key.Columns
            : null;

    /// <summary>Returns the same signature with another name.</summary>
    public GraphSignature Named(string graph) => new(graph, Modules, TokenWidth, TokenObstacle);

    /// <summary>Returns a module, or null.</summary>
    /// <param name="name">
    /// The module's name: the reference's, with or without a prefix; or a trainer's flattened name, of diffusers' or of Stability's blocks.
    /// </param>
    /// <param name="isFlat">Whether the name is flattened.</param>
    /// <returns>The module; null when the graph has no such module.</returns>
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
