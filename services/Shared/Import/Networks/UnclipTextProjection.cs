using Brownian.Import.Configs;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>
/// Combines an image's and a text's embeddings for unCLIP's decoder (<c>pipelines/deprecated/unclip/text_proj.py</c> of diffusers).
/// </summary>
internal static class UnclipTextProjection
{
    /// <summary>The image embedding of the pass without guidance, which is used outside the network.</summary>
    public static readonly string[] Constants = ["learned_classifier_free_guidance_embeddings"];

    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        const string Tokens = "clip_extra_context_tokens_proj", States = "encoder_hidden_states_proj";
        var graph = new GraphBuilder("UnCLIPTextProjModel", parameters, options);
        int extra = config.Integer("clip_extra_context_tokens", 4), embedding = config.Integer("clip_embeddings_dim", 768);
        int time = config.OptionalInteger("time_embed_dim") ?? Required("time_embed_dim");
        int width = config.OptionalInteger("cross_attention_dim") ?? Required("cross_attention_dim");

        Value image = graph.Input("image_embeddings", ElementType.Float32, "batch_size", embedding);
        Value prompt = graph.Input("prompt_embeds", ElementType.Float32, "batch_size", embedding);
        Value text = graph.Input("text_encoder_hidden_states", ElementType.Float32, "batch_size", "text_length", embedding);
        // The linear layer's outputs are the tokens of each channel, not the channels of each token.
        Value tokens = graph.Transpose(
            Tokens, graph.Reshape(Tokens, graph.Linear(Tokens, image, embedding, extra * width), 0, width, extra), 0, 2, 1);
        Value states = graph.LayerNorm("text_encoder_hidden_states_norm", graph.Linear(States, text, embedding, width), width);
        graph.Output("hidden_states", graph.Concat("", 1, tokens, states), "batch_size", "sequence_length", width);
        Value sum = graph.Add(
            "",
            graph.Linear("clip_image_embeddings_project_to_time_embeddings", image, embedding, time),
            graph.Linear("embedding_proj", prompt, embedding, time));
        graph.Output("additive_clip_time_embeddings", sum, "batch_size", time);
        return graph;

        int Required(string key)
        {
            if (!config.Has(key))
            {
                config.Refuse(key, "a whole number of at least 1");
            }
            return 1;
        }
    }
}
