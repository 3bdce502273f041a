using System.Text.RegularExpressions;

namespace Brownian.Import.SingleFiles;

/// <summary>
/// The names of the weights of Stable Diffusion 3's and Flux's transformers in the files of their authors, as
/// <c>convert_sd3_transformer_checkpoint_to_diffusers</c> and <c>convert_flux_transformer_checkpoint_to_diffusers</c> of diffusers'
/// <c>loaders/single_file_utils.py</c> rename them: queries, keys and values are one matrix, and the last norms have the shift before the scale.
/// </summary>
internal sealed partial class TransformerNames
{
    private static readonly Dictionary<string, TensorPart> Sd3Modules = new(StringComparer.Ordinal)
    {
        ["pos_embed.proj"] = new("x_embedder.proj"),
        ["time_text_embed.timestep_embedder.linear_1"] = new("t_embedder.mlp.0"),
        ["time_text_embed.timestep_embedder.linear_2"] = new("t_embedder.mlp.2"),
        ["time_text_embed.text_embedder.linear_1"] = new("y_embedder.mlp.0"),
        ["time_text_embed.text_embedder.linear_2"] = new("y_embedder.mlp.2"),
        ["context_embedder"] = new("context_embedder"),
        ["norm_out.linear"] = new("final_layer.adaLN_modulation.1") { IsSwapped = true },
        ["proj_out"] = new("final_layer.linear"),
    };

    private static readonly Dictionary<string, TensorPart> Sd3Block = new(StringComparer.Ordinal)
    {
        ["attn.to_q"] = new("x_block.attn.qkv", 0, 1, 3),
        ["attn.to_k"] = new("x_block.attn.qkv", 1, 1, 3),
        ["attn.to_v"] = new("x_block.attn.qkv", 2, 1, 3),
        ["attn.norm_q"] = new("x_block.attn.ln_q"),
        ["attn.norm_k"] = new("x_block.attn.ln_k"),
        ["attn.to_out.0"] = new("x_block.attn.proj"),
        ["attn.add_q_proj"] = new("context_block.attn.qkv", 0, 1, 3),
        ["attn.add_k_proj"] = new("context_block.attn.qkv", 1, 1, 3),
        ["attn.add_v_proj"] = new("context_block.attn.qkv", 2, 1, 3),
        ["attn.norm_added_q"] = new("context_block.attn.ln_q"),
        ["attn.norm_added_k"] = new("context_block.attn.ln_k"),
        ["attn.to_add_out"] = new("context_block.attn.proj"),
        ["attn2.to_q"] = new("x_block.attn2.qkv", 0, 1, 3),
        ["attn2.to_k"] = new("x_block.attn2.qkv", 1, 1, 3),
        ["attn2.to_v"] = new("x_block.attn2.qkv", 2, 1, 3),
        ["attn2.norm_q"] = new("x_block.attn2.ln_q"),
        ["attn2.norm_k"] = new("x_block.attn2.ln_k"),
        ["attn2.to_out.0"] = new("x_block.attn2.proj"),
        ["norm1.linear"] = new("x_block.adaLN_modulation.1"),
        ["norm1_context.linear"] = new("context_block.adaLN_modulation.1"),
        ["ff.net.0.proj"] = new("x_block.mlp.fc1"),
        ["ff.net.2"] = new("x_block.mlp.fc2"),
        ["ff_context.net.0.proj"] = new("context_block.mlp.fc1"),
        ["ff_context.net.2"] = new("context_block.mlp.fc2"),
    };

    private static readonly Dictionary<string, TensorPart> FluxModules = new(StringComparer.Ordinal)
    {
        ["time_text_embed.timestep_embedder.linear_1"] = new("time_in.in_layer"),
        ["time_text_embed.timestep_embedder.linear_2"] = new("time_in.out_layer"),
        ["time_text_embed.text_embedder.linear_1"] = new("vector_in.in_layer"),
        ["time_text_embed.text_embedder.linear_2"] = new("vector_in.out_layer"),
        ["time_text_embed.guidance_embedder.linear_1"] = new("guidance_in.in_layer"),
        ["time_text_embed.guidance_embedder.linear_2"] = new("guidance_in.out_layer"),
        ["context_embedder"] = new("txt_in"),
        ["x_embedder"] = new("img_in"),
        ["norm_out.linear"] = new("final_layer.adaLN_modulation.1") { IsSwapped = true },
        ["proj_out"] = new("final_layer.linear"),
    };

    private static readonly Dictionary<string, TensorPart> FluxDouble = new(StringComparer.Ordinal)
    {
        ["norm1.linear"] = new("img_mod.lin"),
        ["norm1_context.linear"] = new("txt_mod.lin"),
        ["attn.to_q"] = new("img_attn.qkv", 0, 1, 3),
        ["attn.to_k"] = new("img_attn.qkv", 1, 1, 3),
        ["attn.to_v"] = new("img_attn.qkv", 2, 1, 3),
        ["attn.norm_q"] = new("img_attn.norm.query_norm"),
        ["attn.norm_k"] = new("img_attn.norm.key_norm"),
        ["attn.to_out.0"] = new("img_attn.proj"),
        ["attn.add_q_proj"] = new("txt_attn.qkv", 0, 1, 3),
        ["attn.add_k_proj"] = new("txt_attn.qkv", 1, 1, 3),
        ["attn.add_v_proj"] = new("txt_attn.qkv", 2, 1, 3),
        ["attn.norm_added_q"] = new("txt_attn.norm.query_norm"),
        ["attn.norm_added_k"] = new("txt_attn.norm.key_norm"),
        ["attn.to_add_out"] = new("txt_attn.proj"),
        ["ff.net.0.proj"] = new("img_mlp.0"),
        ["ff.net.2"] = new("img_mlp.2"),
        ["ff_context.net.0.proj"] = new("txt_mlp.0"),
        ["ff_context.net.2"] = new("txt_mlp.2"),
    };

    /// <summary>The layers of a block with common layers: queries, keys, values, and four times as many rows for the feed-forward layer.</summary>
    private static readonly Dictionary<string, TensorPart> FluxSingle = new(StringComparer.Ordinal)
    {
        ["norm.linear"] = new("modulation.lin"),
        ["attn.to_q"] = new("linear1", 0, 1, 7),
        ["attn.to_k"] = new("linear1", 1, 1, 7),
        ["attn.to_v"] = new("linear1", 2, 1, 7),
        ["proj_mlp"] = new("linear1", 3, 4, 7),
        ["attn.norm_q"] = new("norm.query_norm"),
        ["attn.norm_k"] = new("norm.key_norm"),
        ["proj_out"] = new("linear2"),
    };

    private readonly Dictionary<string, TensorPart> _modules;
    private readonly Dictionary<string, (string List, Dictionary<string, TensorPart> Modules)> _blocks;
    private readonly string? _swapped;

    private TransformerNames(
        Dictionary<string, TensorPart> modules, Dictionary<string, (string List, Dictionary<string, TensorPart> Modules)> blocks, string? swapped)
    {
        (_modules, _blocks, _swapped) = (modules, blocks, swapped);
    }

    /// <summary>Flux's names.</summary>
    public static TransformerNames Flux { get; } = new(
        FluxModules,
        new(StringComparer.Ordinal)
        {
            ["transformer_blocks"] = ("double_blocks", FluxDouble),
            ["single_transformer_blocks"] = ("single_blocks", FluxSingle),
        },
        null);

    /// <summary>Returns Stable Diffusion 3's names.</summary>
    /// <param name="layers">The number of blocks. The last one's norm of the text has the shift before the scale.</param>
    public static TransformerNames Sd3(int layers) => new(
        Sd3Modules,
        new(StringComparer.Ordinal) { ["transformer_blocks"] = ("joint_blocks", Sd3Block) },
        string.Create(CultureInfo.InvariantCulture, $"joint_blocks.{layers - 1}.context_block.adaLN_modulation.1."));

    /// <summary>Returns where a file has a weight; null when the network has no such weight.</summary>
    /// <param name="name">The weight's name in diffusers.</param>
    public TensorPart? Of(string name)
    {
        if (name == "pos_embed.pos_embed")
        {
            return new TensorPart("pos_embed");
        }
        int end = name.LastIndexOf('.');
        if (end < 0)
        {
            return null;
        }
        if (_modules.TryGetValue(name[..end], out TensorPart? part))
        {
            return part with { Name = part.Name + name[end..] };
        }
        if (Block().Match(name[..end]) is not { Success: true } block
            || !_blocks.TryGetValue(block.Groups[1].Value, out (string List, Dictionary<string, TensorPart> Modules) list)
            || !list.Modules.TryGetValue(block.Groups[3].Value, out part))
        {
            return null;
        }
        // Flux's norms call their weight a scale.
        string kind = part.Name.EndsWith("_norm", StringComparison.Ordinal) ? ".scale" : name[end..];
        string stored = $"{list.List}.{block.Groups[2].Value}.{part.Name}{kind}";
        return part with { Name = stored, IsSwapped = _swapped is not null && stored.StartsWith(_swapped, StringComparison.Ordinal) };
    }

    [GeneratedRegex(@"^(\w+)\.(\d{1,4})\.(.+)$")]
    private static partial Regex Block();
}
