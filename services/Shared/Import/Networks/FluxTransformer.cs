using Brownian.Import.Configs;
using Brownian.Import.Networks.Layers;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>The denoiser of Flux (<c>models/transformers/transformer_flux.py</c> of diffusers).</summary>
internal static class FluxTransformer
{
    private const int TimeWidth = 256;
    private const int Thousand = 1000;
    private const int MlpFactor = 4;
    private const double Theta = 10000;

    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        var graph = new GraphBuilder("FluxTransformer2DModel", parameters, options);
        int heads = config.Integer("num_attention_heads", 24), headSize = config.Integer("attention_head_dim", 128), width = heads * headSize;
        int layers = config.Integer("num_layers", 19), singles = config.Integer("num_single_layers", 38);
        int channels = config.Integer("in_channels", 64), patch = config.Integer("patch_size", 1);
        int outputs = (config.OptionalInteger("out_channels") ?? channels) * patch * patch;
        int joint = config.Integer("joint_attention_dim", 4096), pooledWidth = config.Integer("pooled_projection_dim", 768);
        int[] axes = config.Integers("axes_dims_rope", 16, 56, 56);
        if (axes.Length != 3 || axes.Sum() != headSize || axes.Any(axis => axis % 2 != 0))
        {
            config.Refuse("axes_dims_rope", $"three even numbers whose sum is attention_head_dim, {headSize}");
        }

        Value latents = graph.Input("hidden_states", ElementType.Float32, "batch_size", "packed_height_width", channels);
        Value states = graph.Input("encoder_hidden_states", ElementType.Float32, "batch_size", "sequence_length", joint);
        Value pooled = graph.Input("pooled_projections", ElementType.Float32, "batch_size", pooledWidth);
        Value timestep = graph.Input("timestep", ElementType.Float32, "step");
        Value imageIds = graph.Input("img_ids", ElementType.Int64, "packed_height_width", 3);
        Value textIds = graph.Input("txt_ids", ElementType.Int64, "sequence_length", 3);

        const string Embed = "time_text_embed";
        Value sum = Time(graph, Embed + ".timestep_embedder", timestep, width);
        if (config.Flag("guidance_embeds", false))
        {
            sum = graph.Add(
                Embed, sum, Time(graph, Embed + ".guidance_embedder", graph.Input("guidance", ElementType.Float32, "batch_size"), width));
        }
        sum = graph.Add(Embed, sum, Timesteps.Embed(graph, Embed + ".text_embedder", pooled, pooledWidth, width, Activation.Silu));
        var norms = new AdaptiveNorm(graph, width, graph.Silu(Embed, sum));
        (Value cosines, Value sines) = Angles(graph, graph.Concat("pos_embed", 0, textIds, imageIds), axes);
        var attention = new JointAttention(
            graph, heads, headSize, normalises: true, textFirst: true, (at, x) => graph.Rotate(at, x, cosines, sines, heads, headSize));

        // Trained in bfloat16, so that the sums of the blocks need not fit float16.
        Value x = graph.Widen(graph.Linear("x_embedder", latents, channels, width));
        Value text = graph.Widen(graph.Linear("context_embedder", states, joint, width));
        for (int i = 0; i < layers; i++)
        {
            (x, text) = Block(graph, norms, attention, $"transformer_blocks.{i}", x, text, width);
        }
        Value tokens = graph.Concat("single_transformer_blocks", 1, text, x);
        for (int i = 0; i < singles; i++)
        {
            tokens = SingleBlock(graph, norms, attention, $"single_transformer_blocks.{i}", tokens, width);
        }
        Value texts = graph.Side("norm_out", states, 1);
        x = graph.Node("norm_out", "Slice", [tokens, texts, graph.Constant(long.MaxValue), graph.Constant(1)]);
        graph.Output(
            "out_hidden_states", graph.Linear("proj_out", norms.Continuous("norm_out", x), width, outputs), "batch_size", "packed_height_width",
            outputs);
        return graph;
    }

    private static Value Time(GraphBuilder graph, string at, Value numbers, int width) => Timesteps.Embed(
        graph,
        at,
        Timesteps.Sinusoids(graph, at, graph.Multiply(at, numbers, graph.Scalar(Thousand)), TimeWidth, cosinesFirst: true, shift: 0),
        TimeWidth,
        width,
        Activation.Silu);

    /// <summary>Returns the cosines and sines of the tokens' positions, <c>[tokens, head size / 2]</c> (<c>FluxPosEmbed</c>).</summary>
    private static (Value Cosines, Value Sines) Angles(GraphBuilder graph, Value ids, int[] axes)
    {
        const string At = "pos_embed";
        Value places = graph.Cast(At, ids, ElementType.Float64);
        var angles = new Value[axes.Length];
        for (int axis = 0; axis < axes.Length; axis++)
        {
            double[] frequencies = [.. Enumerable.Range(0, axes[axis] / 2).Select(i => 1 / Math.Pow(Theta, 2.0 * i / axes[axis]))];
            angles[axis] = graph.Multiply(At, graph.Slice(At, places, 1, axis, axis + 1), graph.Constant(frequencies, 1, frequencies.Length));
        }
        Value all = graph.Concat(At, 1, angles);
        return (graph.Cast(At, graph.Node(At, "Cos", [all]), ElementType.Float32), graph.Cast(At, graph.Node(At, "Sin", [all]), ElementType.Float32));
    }

    /// <summary>A block with layers of their own for the image and the text (<c>FluxTransformerBlock</c>).</summary>
    private static (Value Image, Value Text) Block(
        GraphBuilder graph, AdaptiveNorm norms, JointAttention attention, string at, Value x, Value text, int width)
    {
        Value[] ofImage = norms.Parts(at + ".norm1", 6), ofText = norms.Parts(at + ".norm1_context", 6);
        (Value image, Value attendedText) = attention.Joint(
            at + ".attn", Normal(".norm1", x, ofImage, 0), Normal(".norm1_context", text, ofText, 0), projectsText: true);
        x = norms.AddGated(at, x, ofImage[2], image);
        text = norms.AddGated(at, text, ofText[2], attendedText);
        x = norms.AddGated(at, x, ofImage[5], Layers(".ff", Normal(".norm2", x, ofImage, 3)));
        text = norms.AddGated(at, text, ofText[5], Layers(".ff_context", Normal(".norm2_context", text, ofText, 3)));
        return (x, text);

        Value Normal(string norm, Value tokens, Value[] parts, int first) =>
            norms.Modulate(at + norm, norms.Normal(at + norm, tokens), parts[first + 1], parts[first]);

        Value Layers(string module, Value tokens) => FeedForward.Build(graph, at + module, tokens, width, Activation.GeluTanh);
    }

    /// <summary>A block with common layers for the text and the image (<c>FluxSingleTransformerBlock</c>).</summary>
    private static Value SingleBlock(GraphBuilder graph, AdaptiveNorm norms, JointAttention attention, string at, Value tokens, int width)
    {
        Value[] parts = norms.Parts(at + ".norm", 3);
        Value normal = norms.Modulate(at + ".norm", norms.Normal(at + ".norm", tokens), parts[1], parts[0]);
        Value mlp = graph.Activate(at, graph.Linear(at + ".proj_mlp", normal, width, MlpFactor * width), Activation.GeluTanh);
        Value both = graph.Concat(at, 2, attention.Single(at + ".attn", normal), mlp);
        return norms.AddGated(at, tokens, parts[2], graph.Linear(at + ".proj_out", both, (1 + MlpFactor) * width, width));
    }
}
