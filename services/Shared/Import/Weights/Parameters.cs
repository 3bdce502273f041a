using Brownian.Formats.Checkpoints;

namespace Brownian.Import.Weights;

/// <summary>The weights of a network by the names that diffusers and transformers give them today.</summary>
public sealed class Parameters
{
    private readonly Dictionary<string, Parameter> _all;

    /// <param name="source">The name of the file, in messages.</param>
    /// <param name="all">The weights.</param>
    public Parameters(string source, IEnumerable<KeyValuePair<string, Parameter>> all) =>
        (Source, _all) = (source, new Dictionary<string, Parameter>(all, StringComparer.Ordinal));

    /// <summary>The name of the file, in messages.</summary>
    public string Source { get; }

    /// <summary>The weights' names.</summary>
    public IReadOnlyCollection<string> Names => _all.Keys;

    /// <summary>Returns the tensors of a set under their own names.</summary>
    /// <param name="set">The set; it stays open as long as weights are read.</param>
    /// <param name="source">The name of the file, in messages.</param>
    public static Parameters Of(WeightSet set, string source) => new(
        source, set.Tensors.Select(tensor => KeyValuePair.Create(tensor.Key, new Parameter(set, tensor.Value, tensor.Value.Shape))));

    /// <summary>Returns a weight; null when the file does not have it.</summary>
    public Parameter? Find(string name) => _all.GetValueOrDefault(name);

    /// <summary>Returns the weights under other names.</summary>
    /// <param name="rename">The new name of a weight; null to leave it out.</param>
    public Parameters Rename(Func<string, string?> rename)
    {
        var renamed = new Dictionary<string, Parameter>(StringComparer.Ordinal);
        foreach ((string name, Parameter parameter) in _all)
        {
            if (rename(name) is { } other)
            {
                renamed[other] = parameter;
            }
        }
        return new Parameters(Source, renamed);
    }
}
