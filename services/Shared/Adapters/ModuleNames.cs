namespace Brownian.Adapters;

/// <summary>Normalizes the names of modules.</summary>
internal static class ModuleNames
{
    private const string TextModel = "text_model";

    /// <summary>The first components of module names in a UNet and in a CLIP text encoder.</summary>
    private static readonly HashSet<string> Roots = new(StringComparer.Ordinal)
    {
        "conv_in", "conv_norm_out", "conv_out", "down_blocks", "mid_block", "up_blocks", "time_embedding", "add_embedding", "class_embedding",
        TextModel, "embeddings", "encoder", "final_layer_norm", "text_projection",
    };

    /// <summary>Returns a name without the prefix of an export wrapper, and without <c>text_model</c>, which newer exports omit.</summary>
    public static string Canonical(string name)
    {
        string[] parts = name.Split('.');
        int root = Math.Max(0, Array.FindIndex(parts, Roots.Contains));
        if (parts[root] == TextModel && root + 1 < parts.Length)
        {
            root++;
        }
        return string.Join('.', parts[root..]);
    }

    /// <summary>Returns whether a name begins like those of a UNet's modules.</summary>
    public static bool IsOfUnet(string name) =>
        name.Split('.')[0] is "conv_in" or "conv_out" or "down_blocks" or "mid_block" or "up_blocks" or "time_embedding" or "add_embedding";

    /// <summary>Returns a name as kohya's trainers flatten it.</summary>
    public static string Flat(string canonical) => canonical.Replace('.', '_');

    /// <summary>Returns the canonical form of a flattened name.</summary>
    public static string CanonicalFlat(string flat) =>
        flat.StartsWith(TextModel + "_", StringComparison.Ordinal) ? flat[(TextModel.Length + 1)..] : flat;
}
