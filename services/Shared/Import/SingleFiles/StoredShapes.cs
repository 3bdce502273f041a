using Brownian.Formats.Checkpoints;
using Brownian.Formats.Weights;

namespace Brownian.Import.SingleFiles;

/// <summary>What the names and shapes of a file's tensors tell.</summary>
/// <param name="set">The file.</param>
internal sealed class StoredShapes(WeightSet set)
{
    /// <summary>Returns the shape of a tensor; null when the file does not have it.</summary>
    public IReadOnlyList<int>? Of(string name) => set.Tensors.TryGetValue(name, out StoredTensor? tensor) ? tensor.Shape : null;

    /// <summary>Returns a dimension of a tensor; 1 when the file does not have it.</summary>
    /// <param name="name">The name of the tensor.</param>
    /// <param name="axis">The index of the dimension.</param>
    public int Side(string name, int axis) => Of(name) is { } shape && shape.Count > axis ? Math.Max(1, shape[axis]) : 1;

    /// <summary>Returns whether the name of a tensor begins with a text.</summary>
    public bool Has(string prefix) => set.Tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Returns how many numbers, from 0, names begin with.</summary>
    /// <param name="pattern">The beginning of the names, with <c>{0}</c> for the number.</param>
    public int Count(string pattern)
    {
        int number = 0;
        while (number < set.Tensors.Count && Has(pattern.Replace("{0}", number.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)))
        {
            number++;
        }
        return number;
    }
}
