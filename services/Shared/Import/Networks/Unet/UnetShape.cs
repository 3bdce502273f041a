using Brownian.Import.Configs;

namespace Brownian.Import.Networks.Unet;

/// <summary>The levels of a UNet as its configuration describes them; diffusers' default values where it leaves them out.</summary>
internal sealed record UnetShape
{
    /// <summary>The types of the levels' blocks, from the largest feature maps to the smallest.</summary>
    public required BlockType[] Down { get; init; }

    /// <summary>The types of the levels' blocks, from the smallest feature maps to the largest.</summary>
    public required BlockType[] Up { get; init; }

    /// <summary>The channels of each level.</summary>
    public required int[] Channels { get; init; }

    /// <summary>The residual blocks of each level; those of the upper half have one more.</summary>
    public required int[] Layers { get; init; }

    /// <summary>
    /// For each level the number of heads of transformer blocks, or the width of a head of the other attentions: one key has both meanings
    /// (<c>attention_head_dim</c>).
    /// </summary>
    public required int[] Heads { get; init; }

    /// <summary>Whether feature maps attend to the text only, by level.</summary>
    public required bool[] OnlyText { get; init; }

    /// <summary>The transformer blocks of every layer of the lower half.</summary>
    public required int[][] DownTransformers { get; init; }

    /// <summary>The transformer blocks of every layer of the upper half.</summary>
    public required int[][] UpTransformers { get; init; }

    /// <summary>Whether the projections of transformers are linear layers.</summary>
    public required bool IsLinear { get; init; }

    /// <summary>Whether downsampling convolutions add zeros on all sides.</summary>
    public required bool PadsAllSides { get; init; }

    /// <summary>What the sums of residual blocks of the newer kinds of levels are divided by.</summary>
    public required double OutputScale { get; init; }

    /// <summary>What the sums of the middle block are divided by.</summary>
    public required double MidScale { get; init; }

    /// <summary>Whether residual blocks of the newer kinds of levels take the embedding without an activation.</summary>
    public required bool SkipsActivation { get; init; }

    /// <summary>The groups of the norms.</summary>
    public required int Groups { get; init; }

    /// <summary>The epsilon of the norms.</summary>
    public required float Epsilon { get; init; }

    /// <summary>The activation function.</summary>
    public required Activation Activation { get; init; }

    /// <summary>Whether the embedding scales and shifts.</summary>
    public required bool ScalesAndShifts { get; init; }

    /// <summary>Whether blocks change the size by residual blocks, and not by convolutions, where their type does not say it.</summary>
    public bool ResnetsResize { get; init; }

    /// <summary>Reads the keys of <c>UNet2DConditionModel</c> and <c>ControlNetModel</c>.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="hasUpperHalf">Whether the network has an upper half.</param>
    public static UnetShape ReadConditional(NetworkConfig config, bool hasUpperHalf)
    {
        int[] channels = config.Integers("block_out_channels", 320, 640, 1280, 1280);
        string[] down = config.Texts(
            "down_block_types", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D");
        string[] up = hasUpperHalf
            ? config.Texts("up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")
            : [];
        int levels = channels.Length;
        int[] layers = config.IntegerPerLevel("layers_per_block", levels, 2);
        int[][] ofDown = config.IntegersPerLayer("transformer_layers_per_block", layers)
            ?? [.. layers.Select(count => Enumerable.Repeat(1, count).ToArray())];
        config.Only("num_attention_heads", "null");
        return Check(config, new UnetShape
        {
            Down = ReadTypes(config, "down_block_types", down, levels),
            Up = hasUpperHalf ? ReadTypes(config, "up_block_types", up, levels) : [],
            Channels = channels,
            Layers = layers,
            Heads = config.IntegerPerLevel("attention_head_dim", levels, 8),
            OnlyText = config.FlagPerLevel("only_cross_attention", levels, false),
            DownTransformers = ofDown,
            UpTransformers = hasUpperHalf ? ReadUpper(config, ofDown, layers) : [],
            IsLinear = config.Flag("use_linear_projection", false),
            PadsAllSides = ReadPadding(config),
            OutputScale = config.Number("resnet_out_scale_factor", 1),
            MidScale = config.Number("mid_block_scale_factor", 1),
            SkipsActivation = config.Flag("resnet_skip_time_act", false),
            Groups = config.Integer("norm_num_groups", 32),
            Epsilon = (float)config.Number("norm_eps", 1e-5),
            Activation = ReadActivation(config, "act_fn"),
            ScalesAndShifts = config.Choice("resnet_time_scale_shift", "default", ("default", false), ("scale_shift", true)),
        });
    }

    /// <summary>Reads the keys of <c>UNet2DModel</c>, whose default values differ.</summary>
    public static UnetShape ReadUnconditional(NetworkConfig config)
    {
        int[] channels = config.Integers("block_out_channels", 224, 448, 672, 896);
        int levels = channels.Length;
        string[] down = config.Texts("down_block_types", "DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D");
        string[] up = config.Texts("up_block_types", "AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D");
        bool downResnets = config.Choice("downsample_type", "conv", ("conv", false), ("resnet", true));
        if (config.Choice("upsample_type", "conv", ("conv", false), ("resnet", true)) != downResnets)
        {
            config.Refuse("upsample_type", "the value of downsample_type");
        }
        int layers = config.Integer("layers_per_block", 2);
        return Check(config, new UnetShape
        {
            Down = ReadTypes(config, "down_block_types", down, levels),
            Up = ReadTypes(config, "up_block_types", up, levels),
            Channels = channels,
            Layers = [.. Enumerable.Repeat(layers, levels)],
            // Without a value every attention has one head.
            Heads = config.OptionalInteger("attention_head_dim") is { } width ? [.. Enumerable.Repeat(width, levels)]
                : config.IsNull("attention_head_dim") ? channels : [.. Enumerable.Repeat(8, levels)],
            OnlyText = new bool[levels],
            DownTransformers = [],
            UpTransformers = [],
            IsLinear = false,
            PadsAllSides = ReadPadding(config),
            OutputScale = 1,
            MidScale = config.Number("mid_block_scale_factor", 1),
            SkipsActivation = false,
            Groups = config.Integer("norm_num_groups", 32),
            Epsilon = (float)config.Number("norm_eps", 1e-5),
            Activation = ReadActivation(config, "act_fn"),
            ScalesAndShifts = config.Choice("resnet_time_scale_shift", "default", ("default", false), ("scale_shift", true)),
            ResnetsResize = downResnets,
        });
    }

    /// <summary>Reads an activation function (<c>models/activations.py</c>).</summary>
    public static Activation ReadActivation(NetworkConfig config, string key) => config.Choice(
        key, "silu", ("silu", Activation.Silu), ("swish", Activation.Silu), ("gelu", Activation.Gelu), ("relu", Activation.Relu),
        ("mish", Activation.Mish));

    private static UnetShape Check(NetworkConfig config, UnetShape shape)
    {
        config.RequireDivisor("norm_num_groups", shape.Groups, "block_out_channels", shape.Channels);
        if (shape.Channels[0] % 2 != 0)
        {
            config.Refuse("block_out_channels", "an even number first");
        }
        for (int level = 0; level < shape.Channels.Length; level++)
        {
            // An upper block takes the width of a head from the lower level with its number.
            int upper = shape.Up.Length > 0 && shape.Up[level].Attention is BlockAttention.Self or BlockAttention.AddedText
                ? shape.Channels[shape.Channels.Length - 1 - level] : shape.Channels[level];
            bool attends = shape.Down[level].Attention != BlockAttention.None || level == shape.Channels.Length - 1
                || shape.Up.Length > 0 && shape.Up[^(level + 1)].Attention != BlockAttention.None;
            if (attends)
            {
                config.RequireDivisor("attention_head_dim", shape.Heads[level], "block_out_channels", shape.Channels[level], upper);
            }
        }
        return shape;
    }

    private static bool ReadPadding(NetworkConfig config)
    {
        double padding = config.Number("downsample_padding", 1);
        if (padding is not (0 or 1))
        {
            config.Refuse("downsample_padding", "0, 1");
        }
        return padding != 0;
    }

    private static BlockType[] ReadTypes(NetworkConfig config, string key, string[] names, int levels)
    {
        BlockType?[] types = [.. names.Select(name => BlockType.Find(name, key.StartsWith("down", StringComparison.Ordinal)))];
        if (types.Contains(null))
        {
            config.Refuse(key, string.Join(", ", BlockType.Names(key.StartsWith("down", StringComparison.Ordinal))));
        }
        else if (types.Length != levels)
        {
            config.Refuse(key, $"as many as block_out_channels, {levels}");
        }
        return types.Length == levels ? [.. types.Select(type => type ?? BlockType.Plain)] : [.. Enumerable.Repeat(BlockType.Plain, levels)];
    }

    private static int[][] ReadUpper(NetworkConfig config, int[][] down, int[] layers)
    {
        int[] upper = [.. layers.Reverse().Select(count => count + 1)];
        if (config.IntegersPerLayer("reverse_transformer_layers_per_block", upper) is { } given)
        {
            return given;
        }
        if (down.Any(level => level.Distinct().Count() > 1))
        {
            config.Refuse(
                "reverse_transformer_layers_per_block", "numbers for the upper half, because those of the lower half differ within a level");
        }
        return [.. upper.Select((count, i) => Enumerable.Repeat(down[^(i + 1)].Length > 0 ? down[^(i + 1)][0] : 1, count).ToArray())];
    }
}
