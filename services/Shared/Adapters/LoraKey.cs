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
        [
            ("lora_unet_", "unet"), ("lora_te_", "text_encoder"), ("lora_te1_", "text_encoder"), ("lora_te2_", "text_encoder_2"),
            // LyCORIS without kohya's trainers, which SimpleTuner wraps around a UNet.
            ("lycoris_", "unet"),
        ];

    private static readonly (string Prefix, string Part)[] Dotted =
        [("unet.", "unet"), ("text_encoder.", "text_encoder"), ("text_encoder_2.", "text_encoder_2")];

    /// <summary>The roles of the tensors whose name is the module's, followed by the role.</summary>
    private static readonly Dictionary<string, LoraRole> Named = new(StringComparer.Ordinal)
    {
        ["hada_w1_a"] = LoraRole.HadaW1A,
        ["hada_w1_b"] = LoraRole.HadaW1B,
        ["hada_w2_a"] = LoraRole.HadaW2A,
        ["hada_w2_b"] = LoraRole.HadaW2B,
        ["hada_t1"] = LoraRole.HadaT1,
        ["hada_t2"] = LoraRole.HadaT2,
        ["lokr_w1"] = LoraRole.LokrW1,
        ["lokr_w1_a"] = LoraRole.LokrW1A,
        ["lokr_w1_b"] = LoraRole.LokrW1B,
        ["lokr_w2"] = LoraRole.LokrW2,
        ["lokr_w2_a"] = LoraRole.LokrW2A,
        ["lokr_w2_b"] = LoraRole.LokrW2B,
        ["lokr_t2"] = LoraRole.LokrT2,
        ["diff"] = LoraRole.Diff,
        ["diff_b"] = LoraRole.DiffBias,
        ["dora_scale"] = LoraRole.DoraScale,
        ["lora_magnitude_vector"] = LoraRole.MagnitudeVector,
        ["alpha"] = LoraRole.Alpha,
        ["A"] = LoraRole.Down,
        ["down"] = LoraRole.Down,
        ["B"] = LoraRole.Up,
        ["up"] = LoraRole.Up,
        ["mid"] = LoraRole.Mid,
    };

    private static readonly (Regex Pattern, string Kind)[] Others =
    [
        (Boft(), "BOFT"), (Oft(), "OFT"), (Glora(), "GLoRA"), (Ia3(), "(IA)^3"), (Norm(), "differences of normalization layers"),
        (Sparse(), "LoCon with sparse differences"), (Replaced(), "replaced weights"), (DownBias(), "LoRA with a bias of its first matrix"),
        (Bundled(), "LoRA with embeddings of its own"),
    ];

    /// <summary>Returns the kind of adapter that a tensor belongs to when it cannot be merged; otherwise null.</summary>
    /// <param name="key">The tensor's name.</param>
    /// <param name="dimensions">The number of its dimensions: LyCORIS' OFT and BOFT have the same names (<c>lycoris/modules/boft.py</c>).</param>
    public static string? OtherKind(string key, int dimensions) =>
        key.EndsWith(".oft_blocks", StringComparison.Ordinal) && dimensions == 4
            ? "BOFT"
            : Array.Find(Others, other => other.Pattern.IsMatch(key)).Kind;

    /// <summary>Returns the end of the names of tensors with a role.</summary>
    public static string NameOf(LoraRole role) => Named.First(entry => entry.Value == role).Key;

    /// <summary>Parses a name; returns null for a name that does not belong to a LoRA of a supported model.</summary>
    public static LoraKey? Parse(string key)
    {
        if (Suffix().Match(key) is not { Success: true } suffix)
        {
            return null;
        }
        string stem = key[..suffix.Index];
        LoraRole role = suffix.Groups["bias"].Success ? LoraRole.UpBias : Named[suffix.Groups["role"].Value];
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
        + @"\.lora_(?<role>A|B)(?:\.default(?:_0)?)?\.weight|\.lora_(?:B|up)(?:\.default(?:_0)?)?\.(?<bias>bias)|"
        + @"\.(?<role>lora_magnitude_vector)(?:\.default(?:_0)?)?(?:\.weight)?|"
        + @"\.(?<role>hada_w[12]_[ab]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2|dora_scale|diff|diff_b|alpha))$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Suffix();

    [GeneratedRegex(@"\.boft_\w+")]
    private static partial Regex Boft();

    [GeneratedRegex(@"\.oft_\w+")]
    private static partial Regex Oft();

    [GeneratedRegex(@"\.[ab][12]\.weight$")]
    private static partial Regex Glora();

    [GeneratedRegex(@"\.on_input$|\.ia3_l\b")]
    private static partial Regex Ia3();

    [GeneratedRegex(@"\.[wb]_norm$")]
    private static partial Regex Norm();

    [GeneratedRegex(@"\.bias_(indices|values|size)$")]
    private static partial Regex Sparse();

    [GeneratedRegex(@"\.(set_weight|reshape_weight)$")]
    private static partial Regex Replaced();

    [GeneratedRegex(@"\.lora_(A|down)\.(default\.)?bias$|\.lora_bias$")]
    private static partial Regex DownBias();

    [GeneratedRegex(@"^bundle_emb\.")]
    private static partial Regex Bundled();
}
