using Brownian.Formats.Checkpoints;
using Brownian.Import.Weights;

namespace Brownian.Import.SingleFiles;

/// <summary>Where a file has a weight: in a tensor, or in some of the equal parts that the tensor's rows consist of.</summary>
/// <param name="Name">The name of the tensor.</param>
/// <param name="First">The index of the first part.</param>
/// <param name="Count">The number of parts that the weight consists of.</param>
/// <param name="Parts">The number of parts of the tensor.</param>
internal sealed record TensorPart(string Name, int First = 0, int Count = 1, int Parts = 1)
{
    /// <summary>Whether the tensor stores the second half of the weight's rows first.</summary>
    public bool IsSwapped { get; init; }

    /// <summary>
    /// Returns the weight; null when the file does not have the tensor. A tensor whose rows are no multiple of the parts is returned whole, so that
    /// its shape is reported.
    /// </summary>
    /// <param name="set">The file.</param>
    /// <param name="prefix">The beginning of the names.</param>
    public Parameter? Find(WeightSet set, string prefix)
    {
        if (Parameters.Find(set, prefix + Name) is not { } found)
        {
            return null;
        }
        if (IsSwapped)
        {
            return found with { IsSwapped = true };
        }
        return Parts == 1 || found.Shape is not [var rows, ..] || rows % Parts != 0 ? found
            : found with { Shape = [rows / Parts * Count, .. found.Shape.Skip(1)], First = found.Count / Parts * First };
    }
}
