using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Import.Weights;

namespace Brownian.Import.SingleFiles;

/// <summary>
/// A transformer of Stable Diffusion 3 or Flux in a single file, with its authors' names, told by the names of its tensors, as in
/// <c>infer_diffusers_model_type</c> of diffusers' <c>loaders/single_file_utils.py</c>.
/// </summary>
internal sealed class TransformerWeights
{
    /// <summary>The width of a head of Stable Diffusion 3, in which files without norms of queries and keys do not tell it.</summary>
    private const int HeadSize = 64;

    /// <summary>What the names begin with; nothing in files of the transformer alone.</summary>
    private static readonly string[] Prefixes = [DerivedConfigs.Unet, ""];

    private readonly WeightSet _set;
    private readonly StoredShapes _shapes;
    private readonly string _prefix;
    private readonly SortedSet<string> _missing = new(StringComparer.Ordinal);

    private TransformerWeights(WeightSet set, StoredShapes shapes, string prefix, bool isFlux) =>
        (_set, _shapes, _prefix, IsFlux) = (set, shapes, prefix, isFlux);

    /// <summary>Whether it is Flux's, and not Stable Diffusion 3's.</summary>
    public bool IsFlux { get; }

    /// <summary>Whether the strength of guidance is an input, as in Flux's distilled variant for development.</summary>
    public bool EmbedsGuidance => _shapes.Has(_prefix + "guidance_in.");

    /// <summary>The tensors that tell the configuration and that the file does not have.</summary>
    public IReadOnlyCollection<string> Missing => _missing;

    /// <summary>Finds a transformer in a file; null when the file has none.</summary>
    public static TransformerWeights? Find(WeightSet set)
    {
        var shapes = new StoredShapes(set);
        foreach (string prefix in Prefixes)
        {
            bool isFlux = shapes.Has(prefix + "double_blocks.0.img_attn.");
            if (isFlux || shapes.Has(prefix + "joint_blocks.0.x_block."))
            {
                return new TransformerWeights(set, shapes, prefix, isFlux);
            }
        }
        return null;
    }

    /// <summary>Returns the configuration that follows from the shapes, in diffusers' keys.</summary>
    public JsonObject Config() => IsFlux ? OfFlux() : OfSd3();

    /// <summary>Returns the weights by their names in diffusers.</summary>
    /// <param name="layers">The number of blocks with layers for both modalities.</param>
    public Parameters Parameters(int layers)
    {
        TransformerNames names = IsFlux ? TransformerNames.Flux : TransformerNames.Sd3(layers);
        return new Parameters(_set.Name, Find, name => names.Of(name) is { } part ? _prefix + part.Name : null);

        Parameter? Find(string name) => names.Of(name)?.Find(_set, _prefix) switch
        {
            // ggml leaves dimensions of 1 out.
            { Shape: [var places, var width] } table when name == "pos_embed.pos_embed" => table with { Shape = [1, places, width] },
            var found => found,
        };
    }

    private JsonObject OfSd3()
    {
        string norm = _prefix + "joint_blocks.0.x_block.attn.ln_q.weight";
        int width = Side("x_embedder.proj.weight", 0), patch = Side("x_embedder.proj.weight", 2), layers = Count("joint_blocks");
        int headSize = _shapes.Of(norm) is [var size] && size > 0 ? size : HeadSize;
        long places = (long)Side("pos_embed", 0) * Side("pos_embed", 1) * Side("pos_embed", 2) / width;
        var config = new JsonObject
        {
            ["_class_name"] = "SD3Transformer2DModel",
            ["attention_head_dim"] = headSize,
            ["caption_projection_dim"] = Side("context_embedder.weight", 0),
            ["dual_attention_layers"] = new JsonArray([
                .. Enumerable.Range(0, layers).Where(layer => _shapes.Has($"{_prefix}joint_blocks.{layer}.x_block.attn2."))
                    .Select(layer => (JsonNode)layer)
            ]),
            ["in_channels"] = Side("x_embedder.proj.weight", 1),
            ["joint_attention_dim"] = Side("context_embedder.weight", 1),
            ["num_attention_heads"] = Math.Max(1, width / headSize),
            ["num_layers"] = layers,
            ["out_channels"] = Math.Max(1, Side("final_layer.linear.weight", 0) / patch / patch),
            ["patch_size"] = patch,
            ["pooled_projection_dim"] = Side("y_embedder.mlp.0.weight", 1),
            ["pos_embed_max_size"] = Math.Max(1, (int)Math.Round(Math.Sqrt(places))),
            ["sample_size"] = 128,
        };
        if (_shapes.Has(norm))
        {
            config["qk_norm"] = "rms_norm";
        }
        return config;
    }

    private JsonObject OfFlux()
    {
        int width = Side("img_in.weight", 0), headSize = Side("double_blocks.0.img_attn.norm.key_norm.scale", 0);
        return new JsonObject
        {
            ["_class_name"] = "FluxTransformer2DModel",
            ["attention_head_dim"] = headSize,
            ["axes_dims_rope"] = new JsonArray(16, 56, 56),
            ["guidance_embeds"] = EmbedsGuidance,
            ["in_channels"] = Side("img_in.weight", 1),
            ["joint_attention_dim"] = Side("txt_in.weight", 1),
            ["num_attention_heads"] = Math.Max(1, width / headSize),
            ["num_layers"] = Count("double_blocks"),
            ["num_single_layers"] = Count("single_blocks"),
            ["out_channels"] = Side("final_layer.linear.weight", 0),
            ["patch_size"] = 1,
            ["pooled_projection_dim"] = Side("vector_in.in_layer.weight", 1),
        };
    }

    private int Side(string name, int axis)
    {
        if (_shapes.Of(_prefix + name) is null)
        {
            _missing.Add(_prefix + name);
        }
        return _shapes.Side(_prefix + name, axis);
    }

    private int Count(string list) => _shapes.Count($"{_prefix}{list}.{{0}}.");
}
