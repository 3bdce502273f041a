using System.Text.RegularExpressions;
using Brownian.Formats.Checkpoints;
using Brownian.Import.Weights;

namespace Brownian.Import.SingleFiles;

/// <summary>
/// The weights of a CLIP text encoder in OpenCLIP's form (<c>open_clip/transformer.py</c>): queries, keys and values are one matrix.
/// </summary>
internal static partial class OpenClipNames
{
    private static readonly Dictionary<string, string> Single = new(StringComparer.Ordinal)
    {
        ["text_model.embeddings.token_embedding.weight"] = "token_embedding.weight",
        ["text_model.embeddings.position_embedding.weight"] = "positional_embedding",
        ["text_model.final_layer_norm.weight"] = "ln_final.weight",
        ["text_model.final_layer_norm.bias"] = "ln_final.bias",
    };

    private static readonly Dictionary<string, string> OfLayer = new(StringComparer.Ordinal)
    {
        ["layer_norm1"] = "ln_1",
        ["layer_norm2"] = "ln_2",
        ["mlp.fc1"] = "mlp.c_fc",
        ["mlp.fc2"] = "mlp.c_proj",
        ["self_attn.out_proj"] = "attn.out_proj",
    };

    /// <summary>Returns a weight; null when the file does not have it.</summary>
    /// <param name="set">The file.</param>
    /// <param name="prefix">The beginning of the names.</param>
    /// <param name="name">The weight's name in transformers.</param>
    public static Parameter? Find(WeightSet set, string prefix, string name)
    {
        if (Single.TryGetValue(name, out string? single))
        {
            return Parameters.Find(set, prefix + single);
        }
        if (name == "text_projection.weight")
        {
            // A matrix that is multiplied from the left; some files have a linear layer instead.
            return Parameters.Find(set, prefix + "text_projection") is { Shape: [var width, var outputs] } found
                ? found with { Shape = [outputs, width], IsTransposed = true }
                : Parameters.Find(set, prefix + name);
        }
        if (Layer().Match(name) is not { Success: true } layer)
        {
            return null;
        }
        string block = $"{prefix}transformer.resblocks.{layer.Groups[1].Value}.", module = layer.Groups[2].Value, end = layer.Groups[3].Value;
        if (OfLayer.TryGetValue(module, out string? other))
        {
            return Parameters.Find(set, block + other + "." + end);
        }
        int third = Array.IndexOf(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], module);
        if (third < 0 || Parameters.Find(set, block + "attn.in_proj_" + end) is not { } all || all.Shape[0] % 3 != 0)
        {
            return null;
        }
        int[] shape = [all.Shape[0] / 3, .. all.Shape.Skip(1)];
        return all with { Shape = shape, First = third * all.Count / 3 };
    }

    [GeneratedRegex(@"^text_model\.encoder\.layers\.(\d{1,4})\.(.+)\.(weight|bias)$")]
    private static partial Regex Layer();
}
