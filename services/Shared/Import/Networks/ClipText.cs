using Brownian.Import.Configs;
using Brownian.Import.Weights;
using Brownian.Models.Facts;

namespace Brownian.Import.Networks;

/// <summary>A CLIP text encoder, with a projection or without (<c>models/clip/modeling_clip.py</c> of transformers).</summary>
internal static class ClipText
{
    private const string Model = "text_model";

    /// <summary>The end token of configurations that were written with a wrong one: the token with the largest id is the end.</summary>
    private const int OldEnd = 2;

    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    /// <param name="isProjected">Whether the pooled state is projected (<c>CLIPTextModelWithProjection</c>).</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options, bool isProjected)
    {
        var graph = new GraphBuilder(isProjected ? "CLIPTextModelWithProjection" : "CLIPTextModel", parameters, options);
        ClipConfig clip = ClipConfig.Read(config, 512, 2048, 8);
        int vocabulary = config.Integer("vocab_size", 49408), positions = config.Integer("max_position_embeddings", 77);
        int end = config.Integer("eos_token_id", 49407);

        Value ids = graph.Input("input_ids", ElementType.Int64, "batch_size", "sequence_length");
        const string Embeddings = Model + ".embeddings";
        Value places = graph.Node(
            Embeddings,
            "Slice",
            [
                graph.Weight(Embeddings + ".position_embedding.weight", positions, clip.Width), graph.Constant(0), graph.Side(Embeddings, ids, 1),
                graph.Constant(0),
            ]);
        Value x = graph.Add(Embeddings, graph.Embedding(Embeddings + ".token_embedding", ids, vocabulary, clip.Width), places);
        var hidden = new List<Value> { x };
        for (int i = 0; i < clip.Layers; i++)
        {
            x = clip.Block(graph, $"{Model}.encoder.layers.{i}", x, isCausal: true);
            hidden.Add(x);
        }
        const string Norm = Model + ".final_layer_norm";
        Value last = graph.LayerNorm(Norm, x, clip.Width, clip.Epsilon);
        Value pooled = Pool(graph, ids, last, end);
        int width = clip.Width;
        if (isProjected)
        {
            int projection = config.Integer("projection_dim", 512);
            graph.Output(
                "text_embeds", graph.Linear("text_projection", pooled, clip.Width, projection, hasBias: false), "batch_size", projection);
        }
        graph.Output("last_hidden_state", last, "batch_size", "sequence_length", width);
        if (!isProjected)
        {
            graph.Output("pooler_output", pooled, "batch_size", width);
        }
        for (int i = 1; !isProjected && i < clip.Layers; i++)
        {
            // What the reference uses when it leaves the last layers out (clip_skip).
            Value normal = graph.LayerNorm(Norm, hidden[i], clip.Width, clip.Epsilon);
            graph.Output($"{ModelFacts.NormedStates}.{i}", normal, "batch_size", "sequence_length", width);
        }
        for (int i = 0; i < hidden.Count; i++)
        {
            graph.Output($"hidden_states.{i}", hidden[i], "batch_size", "sequence_length", width);
        }
        return graph;
    }

    /// <summary>Returns the state of the end token, <c>[batch, width]</c>.</summary>
    private static Value Pool(GraphBuilder graph, Value ids, Value states, int end)
    {
        const string At = Model + ".pooler";
        Value found = end == OldEnd ? ids
            : graph.Cast(At, graph.Node(At, "Equal", [ids, graph.Constant([end], [])]), ElementType.Int32);
        Value place = graph.Node(At, "ArgMax", [found], ("axis", 1), ("keepdims", 1));
        return graph.Node(At, "GatherND", [states, place], ("batch_dims", 1));
    }
}
