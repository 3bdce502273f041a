using Brownian.Import.Configs;
using Brownian.Import.Networks.Layers;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>
/// The prior of unCLIP, which turns a text's embedding into an image's (<c>models/transformers/prior_transformer.py</c> of diffusers).
/// </summary>
internal static class PriorTransformer
{
    /// <summary>The statistics of image embeddings, which are applied outside the network.</summary>
    public static readonly string[] Constants = ["clip_mean", "clip_std"];

    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        config.Only("added_emb_type", "\"prd\"");
        config.Only("encoder_hid_proj_type", "\"linear\"");
        config.Only("norm_in_type", "null");
        config.Only("embedding_proj_norm_type", "null");
        config.Only("time_embed_act_fn", "\"silu\"");
        var graph = new GraphBuilder("PriorTransformer", parameters, options);
        int heads = config.Integer("num_attention_heads", 32), headSize = config.Integer("attention_head_dim", 64), width = heads * headSize;
        int layers = config.Integer("num_layers", 20), embedding = config.Integer("embedding_dim", 768);
        int texts = config.Integer("num_embeddings", 77), others = config.Integer("additional_embeddings", 4);
        int timeWidth = config.OptionalInteger("time_embed_dim") ?? width;
        int projected = config.OptionalInteger("embedding_proj_dim") ?? embedding, result = config.OptionalInteger("clip_embed_dim") ?? embedding;
        if (others != 4)
        {
            config.Refuse("additional_embeddings", "4");
            // A refused number must not become the size of a table.
            others = 4;
        }
        int tokens = texts + others;

        Value noisy = graph.Input("hidden_states", ElementType.Float32, "batch_size", embedding);
        Value timestep = graph.Input("timestep", ElementType.Float32);
        Value text = graph.Input("proj_embedding", ElementType.Float32, "batch_size", projected);
        Value states = graph.Input("encoder_hidden_states", ElementType.Float32, "batch_size", texts, embedding);
        Value mask = graph.Input("attention_mask", ElementType.Bool, "batch_size", texts);

        Value batch = graph.Side("time_embedding", noisy, 0);
        Value one = graph.Concat("time_embedding", 0, batch, graph.Constant(1, width));
        Value sinusoids = Timesteps.Sinusoids(graph, "time_proj", timestep, width, cosinesFirst: true, shift: 0);
        Value hidden = graph.Silu("time_embedding", graph.Linear("time_embedding.linear_1", sinusoids, width, timeWidth));
        Value time = graph.Linear("time_embedding.linear_2", hidden, timeWidth, width);
        Value x = graph.Concat(
            "",
            1,
            graph.Linear("encoder_hidden_states_proj", states, embedding, width),
            graph.Unsqueeze("embedding_proj", graph.Linear("embedding_proj", text, projected, width), 1),
            graph.Node("time_embedding", "Expand", [graph.Unsqueeze("time_embedding", time, 1), one]),
            graph.Unsqueeze("proj_in", graph.Linear("proj_in", noisy, embedding, width), 1),
            graph.Node("prd_embedding", "Expand", [graph.Weight("prd_embedding", 1, 1, width), one]));
        x = graph.Add("positional_embedding", x, graph.Weight("positional_embedding", 1, tokens, width));

        var scores = new AttentionScores(Bias: Causal(graph, tokens), KeyMask: Mask(graph, mask, batch, others));
        for (int i = 0; i < layers; i++)
        {
            string block = $"transformer_blocks.{i}", module = block + ".attn1";
            Value normal = graph.LayerNorm(block + ".norm1", x, width);
            Value attended = graph.Attention(
                module,
                graph.Linear(module + ".to_q", normal, width, width),
                graph.Linear(module + ".to_k", normal, width, width),
                graph.Linear(module + ".to_v", normal, width, width),
                heads,
                headSize,
                scores);
            x = graph.Add(block, graph.Linear(module + ".to_out.0", attended, width, width), x);
            x = graph.Add(block, FeedForward.Build(graph, block + ".ff", graph.LayerNorm(block + ".norm3", x, width), width, Activation.Gelu), x);
        }
        Value last = graph.Reshape("norm_out", graph.Slice("norm_out", graph.LayerNorm("norm_out", x, width), 1, -1, long.MaxValue), 0, width);
        graph.Output(
            "predicted_image_embedding", graph.Linear("proj_to_clip_embeddings", last, width, result), "batch_size", result);
        return graph;
    }

    /// <summary>Tokens do not attend to those after them; here by a finite number, to which the mask's is added.</summary>
    private static Value Causal(GraphBuilder graph, int tokens)
    {
        float[] bias = new float[tokens * tokens];
        for (int query = 0; query < tokens; query++)
        {
            Array.Fill(bias, -10000, (query * tokens) + query + 1, tokens - query - 1);
        }
        return graph.Constant(bias, 1, 1, tokens, tokens);
    }

    /// <summary>The mask of the text, followed by ones for the other tokens.</summary>
    private static Value Mask(GraphBuilder graph, Value mask, Value batch, int others)
    {
        const string At = "attention_mask";
        Value ones = graph.Node(At, "Expand", [graph.Scalar(1), graph.Concat(At, 0, batch, graph.Constant(others))]);
        return graph.Concat(At, 1, graph.Cast(At, mask, ElementType.Float32), ones);
    }
}
