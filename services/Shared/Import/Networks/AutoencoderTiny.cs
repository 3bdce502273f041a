using Brownian.Import.Configs;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>
/// The decoder of a small autoencoder that previews latents (<c>models/autoencoders/autoencoder_tiny.py</c> and <c>vae.py</c> of diffusers).
/// </summary>
internal static class AutoencoderTiny
{
    /// <summary>Builds the decoder's graph: latents as they are sampled to images from about -1 to 1.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder BuildDecoder(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        var graph = new GraphBuilder("AutoencoderTiny.decoder", parameters, options);
        int[] channels = config.Integers("decoder_block_out_channels", 64, 64, 64, 64);
        int[] blocks = config.Integers("num_decoder_blocks", 3, 3, 3, 1);
        int latents = config.Integer("latent_channels", 4), outputs = config.Integer("out_channels", 3);
        config.Only("upsampling_scaling_factor", "2");
        config.Only("upsample_fn", "\"nearest\"");
        config.Only("act_fn", "\"relu\"");
        if (blocks.Length != channels.Length)
        {
            config.Refuse("num_decoder_blocks", $"as many as decoder_block_out_channels, {channels.Length}");
            blocks = channels;
        }

        Value x = graph.Input("latent_sample", ElementType.Float32, "batch_size", latents, "latent_height", "latent_width");
        const string At = "decoder";
        x = graph.Multiply(At, graph.Node(At, "Tanh", [graph.Divide(At, x, graph.Scalar(3))]), graph.Scalar(3));
        // Activations and upsampling count as layers, too.
        int layer = 0;
        x = graph.Activate(At, graph.Conv(Next(), x, latents, channels[0]), Activation.Relu);
        layer++;
        for (int level = 0; level < channels.Length; level++)
        {
            bool isLast = level == channels.Length - 1;
            for (int i = 0; i < blocks[level]; i++)
            {
                x = Block(graph, Next(), x, channels[level]);
            }
            if (!isLast)
            {
                x = graph.UpsampleNearest(At, x);
                layer++;
            }
            x = graph.Conv(Next(), x, channels[level], isLast ? outputs : channels[level], hasBias: isLast);
        }
        x = graph.Subtract(At, graph.Multiply(At, x, graph.Scalar(2)), graph.Scalar(1));
        graph.Output("sample", x, "batch_size", outputs, "height", "width");
        return graph;

        string Next() => $"{At}.layers.{layer++}";
    }

    private static Value Block(GraphBuilder graph, string at, Value x, int channels)
    {
        Value hidden = graph.Activate(at, graph.Conv(at + ".conv.0", x, channels, channels), Activation.Relu);
        hidden = graph.Activate(at, graph.Conv(at + ".conv.2", hidden, channels, channels), Activation.Relu);
        return graph.Activate(at, graph.Add(at, graph.Conv(at + ".conv.4", hidden, channels, channels), x), Activation.Relu);
    }
}
