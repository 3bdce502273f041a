using Brownian.Formats.Checkpoints;
using Brownian.Formats.Weights;

namespace Brownian.Import.Weights;

/// <summary>The weights of a network by the names that diffusers and transformers give them today, whatever names the file has.</summary>
/// <param name="source">The name of the file, in messages.</param>
/// <param name="find">Returns a weight by its name of today; null when the file does not have it.</param>
/// <param name="nameInFile">Returns the name of the tensor that has a weight, or would have it; null when names are those of today.</param>
public sealed class Parameters(string source, Func<string, Parameter?> find, Func<string, string?>? nameInFile = null)
{
    /// <summary>The ends of the names of tensors with the factors of a weight, which replace <c>weight</c>.</summary>
    private static readonly string[] ScaleNames = ["scale_weight", "weight_scale"];

    /// <summary>The name of the file, in messages.</summary>
    public string Source => source;

    /// <summary>Returns a weight; null when the file does not have it.</summary>
    public Parameter? Find(string name) => find(name);

    /// <summary>Returns what messages call a weight: its name in the file and, where that is another one, its name of today.</summary>
    public string NameOf(string name) => nameInFile?.Invoke(name) is { } stored ? $"{stored} ({name})" : name;

    /// <summary>Returns the tensors of a set.</summary>
    /// <param name="set">The set; it stays open as long as weights are read.</param>
    /// <param name="source">The name of the file, in messages.</param>
    /// <param name="names">The names that a weight may have in the file, the preferred first; null for its name of today alone.</param>
    public static Parameters Of(WeightSet set, string source, Func<string, string[]>? names = null) => new(
        source,
        name => names is null ? Find(set, name)
            : names(name).Select(candidate => Find(set, candidate)).FirstOrDefault(found => found is not null));

    /// <summary>Returns a whole tensor; null when the file does not have it.</summary>
    public static Parameter? Find(WeightSet set, string name) => set.Tensors.TryGetValue(name, out StoredTensor? tensor)
        ? new Parameter(set, tensor, tensor.Shape) { Scales = ScalesOf(set, tensor) }
        : null;

    /// <summary>
    /// Finds the factors of a tensor of 8-bit floats. Files of ComfyUI and of several trainers store them beside the weights.
    /// </summary>
    private static StoredTensor? ScalesOf(WeightSet set, StoredTensor tensor)
    {
        const string Weight = "weight";
        if (tensor.Format != ElementFormat.F8E4M3 && tensor.Format != ElementFormat.F8E5M2
            || !tensor.Name.EndsWith(Weight, StringComparison.Ordinal))
        {
            return null;
        }
        StoredTensor? scales = ScaleNames.Select(name => set.Tensors.GetValueOrDefault(tensor.Name[..^Weight.Length] + name))
            .FirstOrDefault(found => found is not null);
        return scales is null ? null
            : scales.Format.IsNumeric && (scales.Count == 1 || tensor.Shape is [var rows, ..] && scales.Count == rows) ? scales
            : throw new Formats.Files.ModelException(
                $"{set.Name}: {scales} are the factors of {tensor}; supported: one for the tensor, or one for each row");
    }
}
