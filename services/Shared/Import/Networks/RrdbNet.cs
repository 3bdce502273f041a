using System.Numerics;
using Brownian.Import.Configs;
using Brownian.Import.Weights;
using Brownian.Models.Facts;

namespace Brownian.Import.Networks;

/// <summary>
/// The upscaler of ESRGAN, BSRGAN and Real-ESRGAN (Wang et al. 2018, arXiv 1809.00219; <c>basicsr/archs/rrdbnet_arch.py</c> of BasicSR). With
/// 1x1 convolutions in its dense blocks it is ESRGAN+ (Rakotonirina and Rasoanaivo 2020, arXiv 2001.08073), whose noise is for training only.
/// </summary>
internal static class RrdbNet
{
    /// <summary>The class in configurations.</summary>
    public const string ClassName = "RRDBNet";

    private const int Channels = 3, DenseBlocks = 3, Convs = 5;

    /// <summary>The factor of the residual of a dense block, and of that of a block of three of them.</summary>
    private const double ResidualScale = 0.2;

    /// <summary>
    /// Builds the graph: images [1, 3, height, width] to images of <c>scale</c> times the height and width, both RGB in [0, 1]. Height and width are
    /// multiples of <c>multiple</c>.
    /// </summary>
    /// <param name="config">The configuration, with the names of BasicSR's arguments, and <c>multiple</c>: the factor of the pixel unshuffle.</param>
    /// <param name="parameters">The weights, in any of the styles of <see cref="RrdbNames"/>.</param>
    /// <param name="options">How the graph is built.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        var graph = new GraphBuilder(ClassName, parameters, options);
        RrdbNames names = RrdbNames.Of(parameters) ?? RrdbNames.All[^1];
        int features = config.Integer("num_feat", 64), blocks = config.Integer("num_block", 23), growth = config.Integer("num_grow_ch", 32);
        int scale = config.Integer("scale", 4), unshuffle = config.Integer("multiple", 1);
        if (unshuffle is not (1 or 2 or 4))
        {
            config.Refuse("multiple", "1, 2, 4");
            unshuffle = 1;
        }
        if (scale > ImageUpscalerConfig.MaxScale || !BitOperations.IsPow2(scale))
        {
            config.Refuse("scale", $"a power of 2, 1..{ImageUpscalerConfig.MaxScale}");
            scale = 1;
        }
        int ups = BitOperations.Log2((uint)(scale * unshuffle));

        Value x = graph.Input("image", ElementType.Float32, 1, Channels, "height", "width");
        if (unshuffle > 1)
        {
            x = Unshuffle(graph, x, unshuffle);
        }
        Value first = x = graph.Conv(names.First, x, Channels * unshuffle * unshuffle, features);
        for (int block = 0; block < blocks; block++)
        {
            Value before = x;
            for (int number = 1; number <= DenseBlocks; number++)
            {
                x = DenseBlock(graph, names, names.DenseBlock(block, number), x, features, growth);
            }
            x = AddScaled(graph, $"{names.Blocks}.{block}", x, before);
        }
        string trunk = names.Trunk(blocks);
        x = graph.Add(trunk, first, graph.Conv(trunk, x, features, features));
        for (int up = 1; up <= ups; up++)
        {
            string at = names.Up(up);
            x = LeakyRelu(graph, at, graph.Conv(at, graph.UpsampleNearest(at, x), features, features));
        }
        string large = names.Large(ups);
        x = LeakyRelu(graph, large, graph.Conv(large, x, features, features));
        x = graph.Conv(names.Last(ups), x, features, Channels);
        graph.Output("larger", x, 1, Channels, "larger_height", "larger_width");
        return graph;
    }

    /// <summary>Returns the 1x1 convolution of a dense block of ESRGAN+.</summary>
    private static string PointConv(string denseBlock) => denseBlock + ".conv1x1";

    private static Value DenseBlock(GraphBuilder graph, RrdbNames names, string at, Value x, int features, int growth)
    {
        bool isPlus = graph.Has(PointConv(at) + ".weight");
        var values = new Value[Convs];
        values[0] = x;
        for (int i = 1; i < Convs; i++)
        {
            string conv = names.Conv(at, i);
            Value input = i == 1 ? x : graph.Concat(conv, 1, values.AsSpan(0, i));
            values[i] = LeakyRelu(graph, conv, graph.Conv(conv, input, features + ((i - 1) * growth), growth));
            if (isPlus && i == 2)
            {
                values[i] = graph.Add(at, values[i], graph.Conv(PointConv(at), x, features, growth, kernel: 1, hasBias: false));
            }
            else if (isPlus && i == 4)
            {
                values[i] = graph.Add(at, values[i], values[2]);
            }
        }
        string last = names.Conv(at, Convs);
        return AddScaled(graph, at, graph.Conv(last, graph.Concat(last, 1, values), features + ((Convs - 1) * growth), features), x);
    }

    private static Value AddScaled(GraphBuilder graph, string at, Value residual, Value x) =>
        graph.Add(at, graph.Scale(at, residual, ResidualScale), x);

    private static Value LeakyRelu(GraphBuilder graph, string at, Value x) => graph.Node(at, "LeakyRelu", [x], ("alpha", 0.2f));

    /// <summary>
    /// Makes the pixels of squares channels (<c>pixel_unshuffle</c> of BasicSR). ONNX's operator orders them by their place first, BasicSR by
    /// their channel.
    /// </summary>
    private static Value Unshuffle(GraphBuilder graph, Value image, int side)
    {
        const string At = "pixel_unshuffle";
        int places = side * side;
        long[] order = [.. Enumerable.Range(0, Channels * places).Select(i => (long)((i % places * Channels) + (i / places)))];
        return graph.Node(
            At, "Gather", [graph.Node(At, "SpaceToDepth", [image], ("blocksize", side)), graph.Constant(order)], ("axis", 1));
    }
}
