using System.Text.Json.Nodes;

namespace Brownian.Cli.Batch;

/// <summary>One of several requests.</summary>
/// <param name="Index">Its place, from 0, which names its files.</param>
/// <param name="Where">See <see cref="BatchItem.Where"/>.</param>
/// <param name="Fields">All its fields.</param>
/// <param name="Label">See <see cref="BatchItem.Label"/>.</param>
/// <param name="Key">A hash of the fields before variants were chosen, by which a later run recognizes the request.</param>
internal sealed record BatchRequest(int Index, string Where, JsonObject Fields, string Label, string Key)
{
    /// <summary>The name of its files without the extension.</summary>
    public string Stem => Index.ToString("D4", CultureInfo.InvariantCulture);
}
