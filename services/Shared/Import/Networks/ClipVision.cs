using Brownian.Import.Configs;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>A CLIP image encoder with a projection (<c>models/clip/modeling_clip.py</c> of transformers).</summary>
internal static class ClipVision
{
    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        const string Model = "vision_model", Embeddings = Model + ".embeddings";
        var graph = new GraphBuilder("CLIPVisionModelWithProjection", parameters, options);
        ClipConfig clip = ClipConfig.Read(config, 768, 3072, 12);
        int side = config.Integer("image_size", 224), patch = config.Integer("patch_size", 32), channels = config.Integer("num_channels", 3);
        int patches = side / patch * (side / patch), projection = config.Integer("projection_dim", 512);

        Value image = graph.Input("pixel_values", ElementType.Float32, "batch_size", channels, side, side);
        Value parts = graph.Conv(
            Embeddings + ".patch_embedding", image, channels, clip.Width, patch, patch, padding: [0, 0, 0, 0], hasBias: false);
        Value tokens = graph.Transpose(Embeddings, graph.Reshape(Embeddings, parts, 0, clip.Width, -1), 0, 2, 1);
        Value first = graph.Node(
            Embeddings,
            "Expand",
            [
                graph.Weight(Embeddings + ".class_embedding", [clip.Width], [1, 1, clip.Width]),
                graph.Concat(Embeddings, 0, graph.Side(Embeddings, image, 0), graph.Constant(1, 1)),
            ]);
        Value x = graph.Add(
            Embeddings,
            graph.Concat(Embeddings, 1, first, tokens),
            graph.Weight(Embeddings + ".position_embedding.weight", patches + 1, clip.Width));
        x = graph.LayerNorm(Model + ".pre_layrnorm", x, clip.Width, clip.Epsilon);
        for (int i = 0; i < clip.Layers; i++)
        {
            x = clip.Block(graph, $"{Model}.encoder.layers.{i}", x, isCausal: false);
        }
        Value pooled = graph.Reshape(Model, graph.Slice(Model, x, 1, 0, 1), 0, clip.Width);
        pooled = graph.LayerNorm(Model + ".post_layernorm", pooled, clip.Width, clip.Epsilon);
        graph.Output(
            "image_embeds", graph.Linear("visual_projection", pooled, clip.Width, projection, hasBias: false), "batch_size", projection);
        return graph;
    }
}
