using Brownian.Import.Configs;
using Brownian.Import.Networks.Layers;
using Brownian.Import.Networks.Unet;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>A UNet without a text: Karlo's super resolution (<c>models/unets/unet_2d.py</c> of diffusers).</summary>
internal static class Unet2D
{
    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        config.Only("center_input_sample", "false");
        config.Only("time_embedding_type", "\"positional\"");
        config.Only("class_embed_type", "null");
        config.Only("num_class_embeds", "null");
        config.Only("num_train_timesteps", "null");
        config.Only("mid_block_type", "\"UNetMidBlock2D\"");
        config.Only("dropout", "0");
        var graph = new GraphBuilder("UNet2DModel", parameters, options);
        UnetShape shape = UnetShape.ReadUnconditional(config);
        bool hasAttention = config.Flag("add_attention", true);
        if (shape.Down.Concat(shape.Up).Any(type => type.Attention is BlockAttention.Transformer or BlockAttention.AddedText))
        {
            config.Refuse("down_block_types", "blocks that attend to no text");
            return graph;
        }
        config.Only("attn_norm_num_groups", "null");
        int channelsIn = config.Integer("in_channels", 3), channelsOut = config.Integer("out_channels", 3);

        Value sample = graph.Input("sample", ElementType.Float32, "batch_size", channelsIn, "height", "width");
        Value timestep = graph.TimestepInput("timestep");
        const string Time = "time_embedding";
        int timeWidth = shape.Channels[0], embeddingWidth = 4 * timeWidth;
        Value sinusoids = Timesteps.Sinusoids(
            graph, "time_proj", timestep, timeWidth, config.Flag("flip_sin_to_cos", true), config.Number("freq_shift", 0));
        Value raw = Timesteps.Embed(graph, Time, sinusoids, timeWidth, embeddingWidth, Activation.Silu);
        var embedding = new UnetEmbedding(raw, graph.Activate(Time, raw, shape.Activation));
        var blocks = new UnetBlocks(graph, shape, embedding, embeddingWidth, null);
        var skips = new List<(Value Value, int Channels)>();
        Value x = blocks.Down(graph.Conv("conv_in", sample, channelsIn, timeWidth), skips);
        x = blocks.Middle(x, hasAttention ? BlockAttention.Self : BlockAttention.None, selfHasNorm: !shape.ScalesAndShifts);
        x = graph.GroupNorm("conv_norm_out", blocks.Up(x, skips), timeWidth, shape.Groups, shape.Epsilon);
        graph.Output(
            "out_sample", graph.Conv("conv_out", graph.Silu("conv_norm_out", x), timeWidth, channelsOut), "batch_size", channelsOut, "height",
            "width");
        return graph;
    }
}
