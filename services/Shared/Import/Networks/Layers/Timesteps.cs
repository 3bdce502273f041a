namespace Brownian.Import.Networks.Layers;

/// <summary>Embeddings of numbers, such as timesteps (<c>models/embeddings.py</c> of diffusers).</summary>
internal static class Timesteps
{
    /// <summary>Returns sines and cosines of numbers (<c>get_timestep_embedding</c>).</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="at">The module.</param>
    /// <param name="numbers">The numbers, of any shape.</param>
    /// <param name="width">The width of the result, an even number.</param>
    /// <param name="cosinesFirst">Whether the cosines come first (<c>flip_sin_to_cos</c>).</param>
    /// <param name="shift"><c>freq_shift</c>, or <c>downscale_freq_shift</c>.</param>
    /// <returns><c>[n, width]</c>.</returns>
    public static Value Sinusoids(GraphBuilder graph, string at, Value numbers, int width, bool cosinesFirst, double shift)
    {
        int half = width / 2;
        float[] frequencies = new float[half];
        for (int i = 0; i < half; i++)
        {
            // float32 throughout, as the reference.
            frequencies[i] = MathF.Exp((float)-Math.Log(10000) * i / (float)(half - shift));
        }
        Value angles = graph.Multiply(at, graph.Reshape(at, numbers, -1, 1), graph.Constant(frequencies, 1, half));
        Value sines = graph.Node(at, "Sin", [angles]), cosines = graph.Node(at, "Cos", [angles]);
        return cosinesFirst ? graph.Concat(at, 1, cosines, sines) : graph.Concat(at, 1, sines, cosines);
    }

    /// <summary>Two linear layers (<c>TimestepEmbedding</c>, <c>PixArtAlphaTextProjection</c>).</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="at">The module.</param>
    /// <param name="x">The value, <c>[n, inputs]</c>.</param>
    /// <param name="inputs">The width of the value.</param>
    /// <param name="width">The width of the result.</param>
    /// <param name="activation">The function between the layers.</param>
    public static Value Embed(GraphBuilder graph, string at, Value x, int inputs, int width, Activation activation)
    {
        Value hidden = graph.Activate(at, graph.Linear(at + ".linear_1", x, inputs, width, isExact: true), activation);
        return graph.Linear(at + ".linear_2", hidden, width, width, isExact: true);
    }
}
