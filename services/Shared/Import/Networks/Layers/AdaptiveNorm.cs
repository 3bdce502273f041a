namespace Brownian.Import.Networks.Layers;

/// <summary>
/// Norms whose scales and shifts follow from the timestep (<c>models/normalization.py</c> of diffusers). Their scales are added to 1.
/// </summary>
/// <param name="graph">The graph.</param>
/// <param name="width">The width of tokens.</param>
/// <param name="condition">The embedding of the timestep after its activation, <c>[batch, width]</c>.</param>
internal sealed class AdaptiveNorm(GraphBuilder graph, int width, Value condition)
{
    private const float Epsilon = 1e-6f;

    /// <summary>Returns what a linear layer makes of the embedding, <c>[batch, 1, width]</c> each.</summary>
    /// <param name="at">The module.</param>
    /// <param name="count">The number of parts.</param>
    public Value[] Parts(string at, int count) => graph.Split(
        at, graph.Unsqueeze(at, graph.Linear(at + ".linear", condition, width, count * width), 1), count, 2);

    /// <summary>Normalises tokens.</summary>
    public Value Normal(string at, Value x) => graph.Narrow(graph.PlainLayerNorm(at, x, width, Epsilon));

    /// <summary>Scales and shifts normalised tokens.</summary>
    public Value Modulate(string at, Value normal, Value scale, Value shift) =>
        graph.Add(at, graph.Multiply(at, normal, graph.OnePlus(at, scale)), shift);

    /// <summary>Adds what a layer made of tokens, times a gate.</summary>
    public Value AddGated(string at, Value x, Value gate, Value change) => graph.Add(at, x, graph.Multiply(at, gate, change));

    /// <summary>Normalises, scales and shifts with a layer of its own (<c>AdaLayerNormContinuous</c>): the scale comes first.</summary>
    public Value Continuous(string at, Value x)
    {
        Value[] parts = Parts(at, 2);
        return Modulate(at, Normal(at, x), parts[0], parts[1]);
    }
}
