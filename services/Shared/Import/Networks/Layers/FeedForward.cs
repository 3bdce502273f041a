namespace Brownian.Import.Networks.Layers;

/// <summary>Two linear layers with an activation function between them (<c>FeedForward</c> of <c>models/attention.py</c> of diffusers).</summary>
internal static class FeedForward
{
    private const int Factor = 4;

    /// <summary>Builds the layers.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="at">The module.</param>
    /// <param name="x">The tokens.</param>
    /// <param name="width">Their width.</param>
    /// <param name="activation">The activation function.</param>
    public static Value Build(GraphBuilder graph, string at, Value x, int width, Activation activation) => graph.Linear(
        at + ".net.2", graph.Activate(at, graph.Linear(at + ".net.0.proj", x, width, Factor * width), activation), Factor * width, width);

    /// <summary>Builds the layers with a gate: half of the first layer's outputs, after the activation function, times the other half.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="at">The module.</param>
    /// <param name="x">The tokens.</param>
    /// <param name="width">Their width.</param>
    public static Value BuildGated(GraphBuilder graph, string at, Value x, int width)
    {
        Value[] halves = graph.Split(at, graph.Linear(at + ".net.0.proj", x, width, 2 * Factor * width), 2, 2);
        Value gated = graph.Multiply(at, halves[0], graph.Activate(at, halves[1], Activation.Gelu));
        return graph.Linear(at + ".net.2", gated, Factor * width, width);
    }
}
