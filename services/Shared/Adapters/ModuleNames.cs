namespace Brownian.Adapters;

/// <summary>Names of modules, brought to one form.</summary>
internal static class ModuleNames
{
    private const string TextModel = "text_model";

    /// <summary>What the names of a UNet and of a CLIP text encoder begin with.</summary>
    private static readonly HashSet<string> Roots = new(StringComparer.Ordinal)
    {
        "conv_in", "conv_norm_out", "conv_out", "down_blocks", "mid_block", "up_blocks", "time_embedding", "add_embedding", "class_embedding",
        TextModel, "embeddings", "encoder", "final_layer_norm", "text_projection",
    };

    /// <summary>A name without what a wrapper at the export put before it, and without <c>text_model</c>, which newer exports lack.</summary>
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

    /// <summary>Whether a name begins as the modules of a UNet do.</summary>
    public static bool IsOfUnet(string name) =>
        name.Split('.')[0] is "conv_in" or "conv_out" or "down_blocks" or "mid_block" or "up_blocks" or "time_embedding" or "add_embedding";

    /// <summary>A name as kohya's trainers flatten it.</summary>
    public static string Flat(string canonical) => canonical.Replace('.', '_');

    /// <summary>The canonical form of a flattened name.</summary>
    public static string CanonicalFlat(string flat) =>
        flat.StartsWith(TextModel + "_", StringComparison.Ordinal) ? flat[(TextModel.Length + 1)..] : flat;
}
