using Brownian.Import.Configs;
using Brownian.Import.Networks.Unet;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>
/// A UNet that attends to a text: the denoiser of Stable Diffusion 1.x, 2.x and XL, of DeepFloyd IF, and of Karlo's decoder
/// (<c>models/unets/unet_2d_condition.py</c> of diffusers).
/// </summary>
internal static class Unet2DCondition
{
    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    /// <param name="inputs">Inputs that do not follow from the configuration.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options, UnetInputs inputs)
    {
        RefuseOthers(config);
        var graph = new GraphBuilder("UNet2DConditionModel", parameters, options);
        UnetShape shape = UnetShape.ReadConditional(config, hasUpperHalf: true);
        BlockAttention middle = config.Choice(
            "mid_block_type", "UNetMidBlock2DCrossAttn", ("UNetMidBlock2DCrossAttn", BlockAttention.Transformer),
            ("UNetMidBlock2DSimpleCrossAttn", BlockAttention.AddedText), ("UNetMidBlock2D", BlockAttention.None));
        bool hasMiddle = !config.IsNull("mid_block_type");
        bool midOnlyText = config.Has("mid_block_only_cross_attention") ? config.Flag("mid_block_only_cross_attention", false)
            : !config.IsList("only_cross_attention") && shape.OnlyText[0];
        int channelsIn = config.Integer("in_channels", 4), channelsOut = config.Integer("out_channels", 4);
        int kernelIn = config.Integer("conv_in_kernel", 3), kernelOut = config.Integer("conv_out_kernel", 3);

        Value sample = graph.Input("sample", ElementType.Float32, "batch_size", channelsIn, "height", "width");
        Value timestep = graph.TimestepInput("timestep");
        UnetConditioning conditioning = UnetConditioning.Read(config, shape, inputs.PooledWidth);
        Value states = graph.Input("encoder_hidden_states", ElementType.Float32, "batch_size", "sequence_length", conditioning.StatesWidth);
        (UnetEmbedding embedding, UnetText text) = conditioning.Build(graph, timestep, states);
        if (inputs.HasTextMask)
        {
            text = text with { Mask = graph.Input("attention_mask", ElementType.Bool, "batch_size", "sequence_length") };
        }
        var blocks = new UnetBlocks(graph, shape, embedding, conditioning.EmbeddingWidth, text);
        var skips = new List<(Value Value, int Channels)>();
        Value x = blocks.Down(graph.Conv("conv_in", sample, channelsIn, shape.Channels[0], kernelIn), skips);
        if (hasMiddle)
        {
            x = blocks.Middle(x, middle, midOnlyText, resnets: middle == BlockAttention.None ? 1 : 2);
        }
        if (inputs.HasControl)
        {
            for (int i = 0; i < skips.Count; i++)
            {
                string name = $"down_block_{i}";
                Value residual = graph.Input(name, ElementType.Float32, "batch_size", skips[i].Channels, name + "_height", name + "_width");
                skips[i] = (graph.Add(name, skips[i].Value, graph.Narrow(residual)), skips[i].Channels);
            }
            Value added = graph.Input("mid_block", ElementType.Float32, "batch_size", shape.Channels[^1], "mid_block_height", "mid_block_width");
            x = graph.Add("mid_block", x, graph.Narrow(added));
        }
        x = blocks.Layers.NormAndActivate("conv_norm_out", blocks.Up(x, skips), shape.Channels[0]);
        graph.Output(
            "out_sample", graph.Conv("conv_out", x, shape.Channels[0], channelsOut, kernelOut), "batch_size", channelsOut, "height", "width");
        return graph;
    }

    private static void RefuseOthers(NetworkConfig config)
    {
        config.Only("center_input_sample", "false");
        config.Only("dual_cross_attention", "false");
        config.Only("time_embedding_type", "\"positional\"");
        config.Only("class_embeddings_concat", "false");
        config.Only("attention_type", "\"default\"");
        config.Only("timestep_post_act", "null");
    }
}
