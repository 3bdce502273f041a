using Brownian.Import.Configs;
using Brownian.Import.Networks.Layers;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>
/// The denoiser of Stable Diffusion 3 and 3.5 (<c>models/transformers/transformer_sd3.py</c> of diffusers).
/// </summary>
internal static class Sd3Transformer
{
    private const int TimeWidth = 256;

    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        var graph = new GraphBuilder("SD3Transformer2DModel", parameters, options);
        int heads = config.Integer("num_attention_heads", 18), headSize = config.Integer("attention_head_dim", 64), width = heads * headSize;
        int layers = config.Integer("num_layers", 18), patch = config.Integer("patch_size", 2), channels = config.Integer("in_channels", 16);
        int outputs = config.OptionalInteger("out_channels") ?? channels, joint = config.Integer("joint_attention_dim", 4096);
        int pooledWidth = config.Integer("pooled_projection_dim", 2048), largest = config.Integer("pos_embed_max_size", 96);
        bool normalises = config.Choice("qk_norm", "", ("", false), ("rms_norm", true));
        int[] dual = config.Indices("dual_attention_layers");
        if (config.Integer("caption_projection_dim", 1152) != width)
        {
            config.Refuse("caption_projection_dim", $"num_attention_heads times attention_head_dim, {width}");
        }

        Value latents = graph.Input("hidden_states", ElementType.Float32, "batch_size", channels, "height", "width");
        Value states = graph.Input("encoder_hidden_states", ElementType.Float32, "batch_size", "sequence_length", joint);
        Value pooled = graph.Input("pooled_projections", ElementType.Float32, "batch_size", pooledWidth);
        Value timestep = graph.Input("timestep", ElementType.Float32, "step");

        const string Embed = "time_text_embed", Places = "pos_embed";
        Value sinusoids = Timesteps.Sinusoids(graph, Embed, timestep, TimeWidth, cosinesFirst: true, shift: 0);
        Value condition = graph.Silu(
            Embed,
            graph.Add(
                Embed,
                Timesteps.Embed(graph, Embed + ".timestep_embedder", sinusoids, TimeWidth, width, Activation.Silu),
                Timesteps.Embed(graph, Embed + ".text_embedder", pooled, pooledWidth, width, Activation.Silu)));
        Value parts = graph.Conv(Places + ".proj", latents, channels, width, patch, patch, padding: [0, 0, 0, 0]);
        Value rows = graph.Side(Places, parts, 2), columns = graph.Side(Places, parts, 3);
        Value x = graph.Transpose(Places, graph.Reshape(Places, parts, 0, width, -1), 0, 2, 1);
        x = graph.Widen(graph.Add(Places, x, Positions(graph, rows, columns, largest, width)));
        Value text = graph.Widen(graph.Linear("context_embedder", states, joint, width));

        var norms = new AdaptiveNorm(graph, width, condition);
        var attention = new JointAttention(graph, heads, headSize, normalises, textFirst: false, rotate: null);
        for (int i = 0; i < layers; i++)
        {
            (x, text) = Block(graph, norms, attention, $"transformer_blocks.{i}", x, text, width, dual.Contains(i), isLast: i == layers - 1);
        }
        x = graph.Linear("proj_out", norms.Continuous("norm_out", x), width, patch * patch * outputs);
        // [h, w, p, q, c] to [c, h p, w q]: the channels are last within a patch.
        Value grid = graph.Node(
            "proj_out", "Reshape", [x, graph.Concat("proj_out", 0, graph.Constant(0), rows, columns, graph.Constant(patch, patch, outputs))]);
        Value image = graph.Node(
            "proj_out",
            "Reshape",
            [
                graph.Transpose("proj_out", grid, 0, 5, 1, 3, 2, 4),
                graph.Concat(
                    "proj_out", 0, graph.Constant(0, outputs), graph.Multiply("proj_out", rows, graph.Constant(patch)),
                    graph.Multiply("proj_out", columns, graph.Constant(patch))),
            ]);
        graph.Output("out_hidden_states", image, "batch_size", outputs, "height", "width");
        return graph;
    }

    /// <summary>Returns the middle of the table of positions, as large as the image.</summary>
    private static Value Positions(GraphBuilder graph, Value rows, Value columns, int largest, int width)
    {
        const string At = "pos_embed";
        Value table = graph.Weight(At + ".pos_embed", [1, largest * largest, width], [largest, largest, width]);
        Value size = graph.Concat(At, 0, rows, columns);
        Value start = graph.Divide(At, graph.Subtract(At, graph.Constant(largest), size), graph.Constant(2));
        Value cropped = graph.Node(At, "Slice", [table, start, graph.Add(At, start, size), graph.Constant(0, 1)]);
        return graph.Reshape(At, cropped, 1, -1, width);
    }

    /// <summary>A block (<c>JointTransformerBlock</c>). The text of the last one is not used.</summary>
    private static (Value Image, Value Text) Block(
        GraphBuilder graph, AdaptiveNorm norms, JointAttention attention, string at, Value x, Value text, int width, bool isDual, bool isLast)
    {
        Value[] ofImage = norms.Parts(at + ".norm1", isDual ? 9 : 6);
        Value normal = norms.Normal(at + ".norm1", x);
        Value[] ofText = isLast ? [] : norms.Parts(at + ".norm1_context", 6);
        Value normalText = isLast ? norms.Continuous(at + ".norm1_context", text)
            : norms.Modulate(at + ".norm1_context", norms.Normal(at + ".norm1_context", text), ofText[1], ofText[0]);
        (Value image, Value attendedText) = attention.Joint(
            at + ".attn", norms.Modulate(at + ".norm1", normal, ofImage[1], ofImage[0]), normalText, projectsText: !isLast);
        x = norms.AddGated(at, x, ofImage[2], image);
        if (isDual)
        {
            string second = at + ".attn2";
            Value attended = attention.Single(second, norms.Modulate(second, normal, ofImage[7], ofImage[6]));
            x = norms.AddGated(second, x, ofImage[8], graph.Linear(second + ".to_out.0", attended, width, width));
        }
        x = AddFeedForward(at, ".norm2", ".ff", x, ofImage);
        if (!isLast)
        {
            text = norms.AddGated(at, text, ofText[2], attendedText);
            text = AddFeedForward(at, ".norm2_context", ".ff_context", text, ofText);
        }
        return (x, text);

        Value AddFeedForward(string block, string norm, string layers, Value tokens, Value[] parts)
        {
            Value scaled = norms.Modulate(block + norm, norms.Normal(block + norm, tokens), parts[4], parts[3]);
            return norms.AddGated(block, tokens, parts[5], FeedForward.Build(graph, block + layers, scaled, width, Activation.GeluTanh));
        }
    }
}
