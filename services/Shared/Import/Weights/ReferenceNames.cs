namespace Brownian.Import.Weights;

/// <summary>The names that weights may have in diffusers' and transformers' files, by their names of today.</summary>
internal static class ReferenceNames
{
    private static readonly Dictionary<string, string> OldAttention = new(StringComparer.Ordinal)
    {
        ["to_q"] = "query",
        ["to_k"] = "key",
        ["to_v"] = "value",
        ["to_out.0"] = "proj_attn",
    };

    /// <summary>An autoencoder's: those of diffusers before 0.14 differ in the attention (<c>_fix_state_dict_keys_on_load</c>).</summary>
    public static string[] OfAutoencoder(string name)
    {
        const string Attention = ".attentions.0.";
        int start = name.IndexOf(Attention, StringComparison.Ordinal) + Attention.Length, end = name.LastIndexOf('.');
        return start >= Attention.Length && start < end && OldAttention.TryGetValue(name[start..end], out string? old)
            ? [name, name[..start] + old + name[end..]]
            : [name];
    }

    /// <summary>A CLIP text encoder's: newer files lack the prefix of the text model.</summary>
    public static string[] OfClipText(string name)
    {
        const string Prefix = "text_model.";
        return name.StartsWith(Prefix, StringComparison.Ordinal) ? [name, name[Prefix.Length..]] : [name];
    }

    /// <summary>A T5 encoder's: the table of tokens has two names, of which files contain either or both.</summary>
    public static string[] OfT5(string name) => name == "shared.weight" ? [name, "encoder.embed_tokens.weight"] : [name];
}
