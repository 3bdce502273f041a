using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;

namespace Brownian.Import.SingleFiles;

/// <summary>
/// The configurations that a file in Stability's names implies: everything that shapes tell. What they do not tell is as in all models of the family:
/// 8 heads in Stable Diffusion 1.x and heads of 64 elsewhere, groups of 32, the activation of the text encoders.
/// </summary>
/// <param name="set">The file.</param>
internal sealed class DerivedConfigs(WeightSet set)
{
    /// <summary>The width of a head, except in the UNet of Stable Diffusion 1.x.</summary>
    private const int HeadSize = 64;

    private readonly StoredShapes _shapes = new(set);

    /// <summary>The beginning of the names of the UNet's weights.</summary>
    public const string Unet = "model.diffusion_model.";

    /// <summary>The number of residual blocks of each level of the UNet's lower half.</summary>
    public int LayersPerBlock { get; } = LayersOf(set);

    /// <summary>The number of levels of the UNet.</summary>
    public int Levels => Count(Unet + "input_blocks.{0}.") / (LayersPerBlock + 1);

    /// <summary>The channels of the UNet's input.</summary>
    public int InputChannels => Side("input_blocks.0.0.weight", 1);

    /// <summary>The width of the text that the UNet attends to; null when it attends to none.</summary>
    public int? TextWidth => set.Tensors.FirstOrDefault(
        tensor => tensor.Key.StartsWith(Unet, StringComparison.Ordinal) && tensor.Key.EndsWith(".attn2.to_k.weight", StringComparison.Ordinal)).Value
        is { Shape: [.., var width] } ? width : null;

    /// <summary>Returns the UNet's configuration.</summary>
    /// <param name="sampleSize">The size of the latents that the model was made for.</param>
    public JsonObject OfUnet(int sampleSize)
    {
        int levels = Levels, layers = LayersPerBlock;
        int[] channels = [.. Enumerable.Range(0, levels).Select(level => Side($"input_blocks.{1 + (level * (layers + 1))}.0.in_layers.2.weight", 0))];
        int[][] down = Depths("input_blocks", 1, levels, layers), up = Depths("output_blocks", 0, levels, layers + 1);
        bool isLinear = set.Tensors.Any(
            tensor => tensor.Key.StartsWith(Unet, StringComparison.Ordinal) && tensor.Key.EndsWith(".proj_in.weight", StringComparison.Ordinal)
                && tensor.Value.Shape.Count == 2);
        int middle = Depth("middle_block.1");
        var config = new JsonObject
        {
            ["_class_name"] = "UNet2DConditionModel",
            ["act_fn"] = "silu",
            ["attention_head_dim"] = isLinear ? List(channels.Select(width => Math.Max(1, width / HeadSize))) : 8,
            ["block_out_channels"] = List(channels),
            ["cross_attention_dim"] = TextWidth ?? 1,
            ["down_block_types"] = Texts(down.Select(level => level.Any(depth => depth > 0) ? "CrossAttnDownBlock2D" : "DownBlock2D")),
            ["flip_sin_to_cos"] = true,
            ["freq_shift"] = 0,
            ["in_channels"] = InputChannels,
            ["layers_per_block"] = layers,
            ["mid_block_type"] = middle > 0 ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D",
            ["norm_eps"] = 1e-5,
            ["norm_num_groups"] = 32,
            ["out_channels"] = Side("out.2.weight", 0),
            ["sample_size"] = sampleSize,
            ["up_block_types"] = Texts(up.Select(level => level.Any(depth => depth > 0) ? "CrossAttnUpBlock2D" : "UpBlock2D")),
            ["use_linear_projection"] = isLinear,
        };
        if (down.SelectMany(level => level).Concat(up.SelectMany(level => level)).Append(middle).Any(depth => depth > 1))
        {
            config["transformer_layers_per_block"] = Nested(down, middle);
            config["reverse_transformer_layers_per_block"] = Nested(up, 0);
        }
        if (Shape(Unet + "label_emb.0.0.weight") is [_, var added])
        {
            config["addition_embed_type"] = "text_time";
            config["addition_time_embed_dim"] = 256;
            config["projection_class_embeddings_input_dim"] = added;
        }
        if (Shape(Unet + "label_emb.weight") is [var classes, _])
        {
            config["num_class_embeds"] = classes;
        }
        return config;
    }

    /// <summary>Returns an autoencoder's configuration.</summary>
    /// <param name="prefix">The beginning of the names of its weights, which are Stability's or diffusers'.</param>
    /// <param name="scalingFactor">What its latents are multiplied by.</param>
    public JsonObject OfAutoencoder(string prefix, double scalingFactor)
    {
        int stability = Count(prefix + "decoder.up.{0}."), levels = stability > 0 ? stability : Count(prefix + "decoder.up_blocks.{0}.");
        int[] channels =
        [
            .. Enumerable.Range(1, levels).Select(level => _shapes.Side(Stored($"decoder.up_blocks.{levels - level}.resnets.0.conv1.weight"), 0))
        ];
        string last = stability > 0 ? "decoder.up.0.block" : $"decoder.up_blocks.{levels - 1}.resnets";
        return new JsonObject
        {
            ["_class_name"] = "AutoencoderKL",
            ["act_fn"] = "silu",
            ["block_out_channels"] = List(channels),
            ["down_block_types"] = Texts(channels.Select(_ => "DownEncoderBlock2D")),
            ["in_channels"] = 3,
            ["latent_channels"] = _shapes.Side(Stored("decoder.conv_in.weight"), 1),
            ["layers_per_block"] = Math.Max(1, Count($"{prefix}{last}.{{0}}.") - 1),
            ["norm_num_groups"] = 32,
            ["out_channels"] = 3,
            ["scaling_factor"] = scalingFactor,
            ["up_block_types"] = Texts(channels.Select(_ => "UpDecoderBlock2D")),
            ["use_post_quant_conv"] = Shape(Stored("post_quant_conv.weight")) is not null,
            ["use_quant_conv"] = Shape(Stored("quant_conv.weight")) is not null,
        };

        string Stored(string name) => prefix + (stability > 0 ? AutoencoderNames.Of(name, levels) : name);
    }

    /// <summary>Returns the configuration of OpenAI's CLIP text encoder.</summary>
    /// <param name="prefix">The beginning of the names of its weights.</param>
    public JsonObject OfClip(string prefix) => OfClip(prefix, "CLIPTextModel", "quick_gelu", null);

    /// <summary>Returns the configuration of an OpenCLIP text encoder in transformers' names.</summary>
    /// <param name="prefix">The beginning of the names of its weights.</param>
    /// <param name="projection">The name of its projection; null when the projection is not used.</param>
    public JsonObject OfConvertedOpenClip(string prefix, string? projection) => OfClip(
        prefix,
        projection is null ? "CLIPTextModel" : "CLIPTextModelWithProjection",
        "gelu",
        projection is not null && Shape(projection) is [var outputs, var inputs] ? [inputs, outputs] : null);

    /// <summary>Returns the configuration of a T5 encoder (<c>models/t5/configuration_t5.py</c> of transformers).</summary>
    /// <param name="stored">Returns the name in the file of a weight that transformers give a name.</param>
    public JsonObject OfT5(Func<string, string> stored)
    {
        const string Block = "encoder.block.0.layer.";
        bool isGated = Shape(stored(Block + "1.DenseReluDense.wi_0.weight")) is not null;
        int heads = Side(Block + "0.SelfAttention.relative_attention_bias.weight", 1);
        int layers = 0;
        while (layers < set.Tensors.Count && Shape(stored($"encoder.block.{layers}.layer.0.SelfAttention.q.weight")) is not null)
        {
            layers++;
        }
        return new JsonObject
        {
            ["architectures"] = Texts(["T5EncoderModel"]),
            ["d_ff"] = Side(Block + (isGated ? "1.DenseReluDense.wi_0.weight" : "1.DenseReluDense.wi.weight"), 0),
            ["d_kv"] = Math.Max(1, Side(Block + "0.SelfAttention.q.weight", 0) / heads),
            ["d_model"] = Side("shared.weight", 1),
            ["feed_forward_proj"] = isGated ? "gated-gelu" : "relu",
            ["layer_norm_epsilon"] = 1e-6,
            ["model_type"] = "t5",
            ["num_heads"] = heads,
            ["num_layers"] = Math.Max(1, layers),
            ["relative_attention_max_distance"] = 128,
            ["relative_attention_num_buckets"] = Side(Block + "0.SelfAttention.relative_attention_bias.weight", 0),
            ["vocab_size"] = Side("shared.weight", 0),
        };

        int Side(string name, int axis) => _shapes.Side(stored(name), axis);
    }

    /// <summary>Returns the configuration of an OpenCLIP text encoder.</summary>
    /// <param name="prefix">The beginning of the names of its weights.</param>
    /// <param name="isProjected">
    /// Whether the projection is used; otherwise the last layer is not: the second Stable Diffusion uses the last but one.
    /// </param>
    public JsonObject OfOpenClip(string prefix, bool isProjected) => OfClip(
        isProjected ? "CLIPTextModelWithProjection" : "CLIPTextModel",
        Shape(prefix + "token_embedding.weight"),
        Shape(prefix + "positional_embedding"),
        Shape(prefix + "transformer.resblocks.0.mlp.c_fc.weight"),
        Count(prefix + "transformer.resblocks.{0}.") - (isProjected ? 0 : 1),
        "gelu",
        Shape(prefix + "text_projection"));

    private JsonObject OfClip(string prefix, string name, string activation, IReadOnlyList<int>? projection) => OfClip(
        name,
        Shape(prefix + "embeddings.token_embedding.weight"),
        Shape(prefix + "embeddings.position_embedding.weight"),
        Shape(prefix + "encoder.layers.0.mlp.fc1.weight"),
        Count(prefix + "encoder.layers.{0}."),
        activation,
        projection);

    private static JsonObject OfClip(
        string name, IReadOnlyList<int>? tokens, IReadOnlyList<int>? positions, IReadOnlyList<int>? inner, int layers, string activation,
        IReadOnlyList<int>? projection)
    {
        int width = tokens is [_, var columns] ? columns : 1;
        return new JsonObject
        {
            ["architectures"] = Texts([name]),
            ["eos_token_id"] = 2,
            ["hidden_act"] = activation,
            ["hidden_size"] = width,
            ["intermediate_size"] = inner is [var rows, _] ? rows : 1,
            ["layer_norm_eps"] = 1e-5,
            ["max_position_embeddings"] = positions is [var places, _] ? places : 1,
            ["model_type"] = "clip_text_model",
            ["num_attention_heads"] = Math.Max(1, width / HeadSize),
            ["num_hidden_layers"] = Math.Max(1, layers),
            ["projection_dim"] = projection is [_, var outputs] ? outputs : width,
            ["vocab_size"] = tokens is [var entries, _] ? entries : 1,
        };
    }

    private static JsonArray List(IEnumerable<int> numbers) => [.. numbers.Select(number => (JsonNode)number)];

    private static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(text => (JsonNode)text)];

    /// <summary>Depths for each layer of each level. The middle block takes the last level's, which can have no attention itself.</summary>
    private static JsonArray Nested(int[][] levels, int middle) =>
    [
        .. levels.Select((level, i) => (JsonNode)List(
            level.Select(depth => depth > 0 ? depth : i == levels.Length - 1 && middle > 0 ? middle : 1)))
    ];

    private static int LayersOf(WeightSet set)
    {
        int block = 1;
        while (block < set.Tensors.Count && !set.Tensors.ContainsKey($"{Unet}input_blocks.{block}.0.op.weight"))
        {
            block++;
        }
        return Math.Max(1, block - 1);
    }

    private IReadOnlyList<int>? Shape(string name) => _shapes.Of(name);

    private int Side(string name, int axis) => _shapes.Side(Unet + name, axis);

    private int Count(string pattern) => _shapes.Count(pattern);

    /// <summary>Returns the number of transformer blocks of a module.</summary>
    private int Depth(string module) => Count($"{Unet}{module}.transformer_blocks.{{0}}.");

    private int[][] Depths(string side, int first, int levels, int layers) =>
    [
        .. Enumerable.Range(0, levels).Select(level => Enumerable.Range(0, layers)
            .Select(layer => Depth($"{side}.{first + (level * (side == "input_blocks" ? layers + 1 : layers)) + layer}.1")).ToArray())
    ];
}
