using Brownian.Formats.Tensors;

namespace Brownian.Inference.Prompts;

/// <summary>
/// Multiplies a chunk's embedding by its tokens' weights (<c>EmphasisOriginal</c> and <c>EmphasisOriginalNoNorm</c> in stable-diffusion-webui's
/// <c>modules/sd_emphasis.py</c>). Chunks are weighted separately, before they are joined.
/// </summary>
public static class Emphasis
{
    /// <summary>
    /// Applies weights to an embedding. The same input produces the same bits on every machine: means are summed in order, as doubles.
    /// </summary>
    /// <param name="embedding">[1, tokens, width]. Not changed.</param>
    /// <param name="weights">One weight per token.</param>
    /// <param name="kind">Whether the mean is preserved.</param>
    /// <returns>[1, tokens, width]; the embedding itself when every weight is 1.</returns>
    /// <exception cref="ArgumentException">
    /// The shape is invalid, the number of weights differs from the number of tokens, or the kind is unknown.
    /// </exception>
    /// <exception cref="ArithmeticException">
    /// The mean must be preserved, and the weighted embedding's mean is 0 or beyond a float32's range.
    /// </exception>
    public static Tensor Apply(Tensor embedding, IReadOnlyList<float> weights, EmphasisKind kind)
    {
        ArgumentNullException.ThrowIfNull(embedding);
        ArgumentNullException.ThrowIfNull(weights);
        if (embedding.Shape is not [1, int tokens, int width] || embedding.Values.Length != (long)tokens * width)
        {
            throw new ArgumentException(
                $"The embedding is [{string.Join(", ", embedding.Shape)}] of {embedding.Values.Length} values; allowed: [1, tokens, width]",
                nameof(embedding));
        }
        if (weights.Count != tokens)
        {
            throw new ArgumentException($"There are {weights.Count} weights; allowed: {tokens}, one for each token", nameof(weights));
        }
        if (!Enum.IsDefined(kind))
        {
            throw new ArgumentException($"The kind is {kind}; allowed: {string.Join(", ", Enum.GetNames<EmphasisKind>())}", nameof(kind));
        }
        if (weights.All(weight => weight == 1))
        {
            return embedding;
        }
        var weighted = new float[embedding.Values.Length];
        for (int i = 0; i < weighted.Length; i++)
        {
            weighted[i] = embedding.Values[i] * weights[i / width];
        }
        if (kind == EmphasisKind.Original)
        {
            float after = Mean(weighted);
            float scale = Mean(embedding.Values) / after;
            if (!float.IsFinite(after) || !float.IsFinite(scale))
            {
                throw new ArithmeticException(
                    $"The weighted embedding's mean is {after.ToString(CultureInfo.InvariantCulture)}, which cannot be scaled to its mean before");
            }
            for (int i = 0; i < weighted.Length; i++)
            {
                weighted[i] *= scale;
            }
        }
        return new Tensor(weighted, embedding.Shape);
    }

    private static float Mean(float[] values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += value;
        }
        return (float)(sum / values.Length);
    }
}
