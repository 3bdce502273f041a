using System.Text.RegularExpressions;

namespace Brownian.Adapters;

/// <summary>The components of a tensor's name in a LoRA.</summary>
/// <param name="Part">The graph.</param>
/// <param name="Module">The module.</param>
/// <param name="IsFlat">Whether the module's name is flattened.</param>
/// <param name="Role">The role of the tensor for the module.</param>
/// <param name="Style">The naming scheme.</param>
internal sealed partial record LoraKey(string Part, string Module, bool IsFlat, LoraRole Role, LoraStyle Style)
{
    private static readonly (string Prefix, string Part)[] Flat =
        [("lora_unet_", "unet"), ("lora_te_", "text_encoder"), ("lora_te1_", "text_encoder"), ("lora_te2_", "text_encoder_2")];

    private static readonly (string Prefix, string Part)[] Dotted =
        [("unet.", "unet"), ("text_encoder.", "text_encoder"), ("text_encoder_2.", "text_encoder_2")];

    private static readonly (Regex Pattern, string Kind)[] Others =
    [
        (Hada(), "LoHa"), (Lokr(), "LoKr"), (Dora(), "DoRA"), (Oft(), "OFT"), (Glora(), "GLoRA"), (Difference(), "full weight differences"),
        (Bias(), "LoRA with biases"),
        (Bundled(), "LoRA with embeddings of its own"),
    ];

    /// <summary>Returns the kind of adapter that a tensor belongs to when it cannot be merged; otherwise null.</summary>
    public static string? OtherKind(string key) => Array.Find(Others, other => other.Pattern.IsMatch(key)).Kind;

    /// <summary>Parses a name; returns null for a name that does not belong to a LoRA of a supported model.</summary>
    public static LoraKey? Parse(string key)
    {
        if (Suffix().Match(key) is not { Success: true } suffix)
        {
            return null;
        }
        string stem = key[..suffix.Index];
        LoraRole role = suffix.Groups["role"].Value switch
        {
            "A" or "down" => LoraRole.Down,
            "B" or "up" => LoraRole.Up,
            "mid" => LoraRole.Mid,
            _ => LoraRole.Alpha,
        };
        foreach ((string prefix, string part) in Flat)
        {
            if (stem.StartsWith(prefix, StringComparison.Ordinal))
            {
                string module = stem[prefix.Length..];
                return new LoraKey(part, module, true, role, StabilityNames.IsOne(module) ? LoraStyle.KohyaStability : LoraStyle.Kohya);
            }
        }
        const string Wrapped = "base_model.model.";
        stem = stem.StartsWith(Wrapped, StringComparison.Ordinal) ? stem[Wrapped.Length..] : stem;
        (string start, string? graph) = Array.Find(Dotted, dotted => stem.StartsWith(dotted.Prefix, StringComparison.Ordinal));
        // Files with only the UNet's attention have no prefix.
        graph ??= ModuleNames.IsOfUnet(stem) ? "unet" : null;
        if (graph is null)
        {
            return null;
        }
        string name = stem[(start?.Length ?? 0)..];
        bool isOld = suffix.Groups["old"].Success;
        return new LoraKey(
            graph,
            isOld ? Renamed(graph, name.Replace(".processor.", ".", StringComparison.Ordinal)) : name,
            false,
            role,
            isOld || suffix.Groups["diffusers"].Success ? LoraStyle.Diffusers : LoraStyle.Peft);
    }

    /// <summary>Returns the module for a processor's name such as <c>to_q_lora</c>.</summary>
    private static string Renamed(string graph, string name)
    {
        int last = name.LastIndexOf('.') + 1;
        string? module = (graph == "unet", name[last..]) switch
        {
            (true, "to_out") => "to_out.0",
            (false, "to_q") => "q_proj",
            (false, "to_k") => "k_proj",
            (false, "to_v") => "v_proj",
            (false, "to_out") => "out_proj",
            _ => null,
        };
        return module is null ? name : name[..last] + module;
    }

    [GeneratedRegex(
        @"(?:(?<old>_lora)(?:\.(?<role>down|up)\.weight|\.(?<role>alpha))|"
        + @"(?<diffusers>\.lora|\.lora_linear_layer)\.(?<role>down|up)\.weight|\.lora_(?<role>down|up|mid)\.weight|"
        + @"\.lora_(?<role>A|B)(?:\.default(?:_0)?)?\.weight|\.(?<role>alpha))$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Suffix();

    [GeneratedRegex(@"\.hada_\w+$")]
    private static partial Regex Hada();

    [GeneratedRegex(@"\.lokr_\w+$")]
    private static partial Regex Lokr();

    [GeneratedRegex(@"\.dora_scale$|\.lora_magnitude_vector\b")]
    private static partial Regex Dora();

    [GeneratedRegex(@"\.oft_\w+")]
    private static partial Regex Oft();

    [GeneratedRegex(@"\.[ab][12]\.weight$")]
    private static partial Regex Glora();

    [GeneratedRegex(@"\.(diff|diff_b|set_weight|w_norm|b_norm|reshape_weight)$")]
    private static partial Regex Difference();

    [GeneratedRegex(@"\.lora_(A|B|up|down)\.(default\.)?bias$|\.lora_bias$")]
    private static partial Regex Bias();

    [GeneratedRegex(@"^bundle_emb\.")]
    private static partial Regex Bundled();
}
