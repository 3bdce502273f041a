namespace Brownian.Import.Weights;

/// <summary>The names that today's diffusers and transformers give to weights whose names in files differ.</summary>
internal static class ReferenceNames
{
    private static readonly Dictionary<string, string> OldAttention = new(StringComparer.Ordinal)
    {
        ["query"] = "to_q",
        ["key"] = "to_k",
        ["value"] = "to_v",
        ["proj_attn"] = "to_out.0",
    };

    /// <summary>An autoencoder's names: those of diffusers before 0.14 differ in the attention (<c>_fix_state_dict_keys_on_load</c>).</summary>
    public static string OfAutoencoder(string name)
    {
        string[] parts = name.Split('.');
        return parts is [.., "attentions", _, var module, _] && OldAttention.TryGetValue(module, out string? today)
            ? string.Join('.', [.. parts[..^2], today, parts[^1]])
            : name;
    }

    /// <summary>A CLIP model's names: newer files lack the prefix of the text model.</summary>
    public static string OfClipText(string name) =>
        name.StartsWith("embeddings.", StringComparison.Ordinal) || name.StartsWith("encoder.", StringComparison.Ordinal)
        || name.StartsWith("final_layer_norm.", StringComparison.Ordinal) ? "text_model." + name : name;

    /// <summary>A T5 encoder's names: the table of tokens has two, of which files contain either or both.</summary>
    public static string OfT5(string name) => name == "encoder.embed_tokens.weight" ? "shared.weight" : name;
}
