using Brownian.Import.Configs;
using Brownian.Import.Weights;
using Brownian.Models.Facts;

namespace Brownian.Import.Networks;

/// <summary>
/// The small upscaler of Real-ESRGAN (<c>realesrgan/archs/srvgg_arch.py</c> of Real-ESRGAN): convolutions at the size of the image, whose last
/// channels become pixels, which are added to the image.
/// </summary>
internal static class SrvggNetCompact
{
    /// <summary>The class in configurations.</summary>
    public const string ClassName = "SRVGGNetCompact";

    private const int Channels = 3;

    /// <summary>
    /// Builds the graph: images [1, 3, height, width] to images of <c>scale</c> times the height and width, both RGB in [0, 1].
    /// </summary>
    /// <param name="config">The configuration, with the names of the reference's arguments; <c>scale</c> is its <c>upscale</c>.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        const string At = "upsampler";
        var graph = new GraphBuilder(ClassName, parameters, options);
        int features = config.Integer("num_feat", 64), convs = config.Integer("num_conv", 16), scale = config.Integer("scale", 4);
        if (scale > ImageUpscalerConfig.MaxScale)
        {
            config.Refuse("scale", $"1..{ImageUpscalerConfig.MaxScale}");
            scale = 1;
        }

        Value image = graph.Input("image", ElementType.Float32, 1, Channels, "height", "width");
        Value x = image;
        int last = 2 * (convs + 1);
        for (int i = 0; i < last; i += 2)
        {
            x = graph.Conv(Layer(i), x, i == 0 ? Channels : features, features);
            x = graph.Node(Layer(i + 1), "PRelu", [x, graph.Weight(Layer(i + 1) + ".weight", [features], [features, 1, 1])]);
        }
        x = graph.Conv(Layer(last), x, features, Channels * scale * scale);
        if (scale > 1)
        {
            x = graph.Node(At, "DepthToSpace", [x], ("blocksize", scale), ("mode", "CRD"));
            image = graph.UpsampleNearest(At, image, scale);
        }
        graph.Output("larger", graph.Add(At, x, image), 1, Channels, "larger_height", "larger_width");
        return graph;
    }

    private static string Layer(int i) => $"body.{i}";
}
