using Brownian.Import.Configs;
using Brownian.Import.Networks.Unet;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>A ControlNet: the lower half of a UNet that sees a further image (<c>models/controlnets/controlnet.py</c> of diffusers).</summary>
internal static class ControlNet
{
    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    /// <param name="pooledWidth">The width of the pooled text of Stable Diffusion XL; null for others.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options, int? pooledWidth)
    {
        var graph = new GraphBuilder("ControlNetModel", parameters, options);
        UnetShape shape = UnetShape.ReadConditional(config, hasUpperHalf: false);
        BlockAttention middle = config.Choice(
            "mid_block_type", "UNetMidBlock2DCrossAttn", ("UNetMidBlock2DCrossAttn", BlockAttention.Transformer),
            ("UNetMidBlock2D", BlockAttention.None));
        int channels = config.Integer("in_channels", 4), imageChannels = config.Integer("conditioning_channels", 3);
        bool isReversed = config.Choice("controlnet_conditioning_channel_order", "rgb", ("rgb", false), ("bgr", true));
        bool pools = config.Flag("global_pool_conditions", false);
        int[] widths = config.Integers("conditioning_embedding_out_channels", 16, 32, 96, 256);

        Value sample = graph.Input("sample", ElementType.Float32, "batch_size", channels, "height", "width");
        Value timestep = graph.TimestepInput("timestep");
        UnetConditioning conditioning = UnetConditioning.Read(config, shape, pooledWidth);
        Value states = graph.Input("encoder_hidden_states", ElementType.Float32, "batch_size", "sequence_length", conditioning.StatesWidth);
        (UnetEmbedding embedding, UnetText text) = conditioning.Build(graph, timestep, states);
        Value image = graph.Input("controlnet_cond", ElementType.Float32, "batch_size", imageChannels, "image_height", "image_width");
        Value scale = graph.Input("conditioning_scale", ElementType.Float32);
        if (isReversed)
        {
            long[] order = [.. Enumerable.Range(0, imageChannels).Select(i => (long)(imageChannels - 1 - i))];
            image = graph.Node("controlnet_cond_embedding", "Gather", [image, graph.Constant(order)], ("axis", 1));
        }
        var blocks = new UnetBlocks(graph, shape, embedding, conditioning.EmbeddingWidth, text);
        var skips = new List<(Value Value, int Channels)>();
        Value x = graph.Add(
            "conv_in", graph.Conv("conv_in", sample, channels, shape.Channels[0]), Embed(graph, image, imageChannels, widths, shape.Channels[0]));
        x = blocks.Middle(blocks.Down(x, skips), middle, resnets: middle == BlockAttention.None ? 1 : 2);
        for (int i = 0; i < skips.Count; i++)
        {
            Result($"down_block_{i}", $"controlnet_down_blocks.{i}", skips[i].Value, skips[i].Channels);
        }
        Result("mid_block", "controlnet_mid_block", x, shape.Channels[^1]);
        return graph;

        void Result(string name, string at, Value value, int width)
        {
            Value result = graph.Multiply(at, graph.Conv(at, value, width, width, kernel: 1), scale);
            if (pools)
            {
                result = graph.Node(at, "ReduceMean", [result, graph.Constant(2, 3)], ("keepdims", 1));
            }
            graph.Output(name, result, "batch_size", width, pools ? (Dimension)1 : name + "_height", pools ? (Dimension)1 : name + "_width");
        }
    }

    /// <summary>The image at the size of the latents (<c>ControlNetConditioningEmbedding</c>).</summary>
    private static Value Embed(GraphBuilder graph, Value image, int channels, int[] widths, int outputs)
    {
        const string At = "controlnet_cond_embedding";
        Value x = graph.Silu(At, graph.Conv(At + ".conv_in", image, channels, widths[0]));
        for (int i = 0; i < widths.Length - 1; i++)
        {
            x = graph.Silu(At, graph.Conv($"{At}.blocks.{2 * i}", x, widths[i], widths[i]));
            x = graph.Silu(At, graph.Conv($"{At}.blocks.{(2 * i) + 1}", x, widths[i], widths[i + 1], stride: 2));
        }
        return graph.Conv(At + ".conv_out", x, widths[^1], outputs);
    }
}
