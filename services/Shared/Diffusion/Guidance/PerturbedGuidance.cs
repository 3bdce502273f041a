namespace Brownian.Diffusion.Guidance;

/// <summary>
/// Perturbed-attention guidance (Ahn et al. 2024, arXiv 2403.17377): guidance away from the prediction of a model with perturbed self-attention.
/// </summary>
public static class PerturbedGuidance
{
    /// <summary>guided += scale (c - p).</summary>
    /// <param name="guided">The prediction, guided by the prompt or not; changed in place.</param>
    /// <param name="conditional">c: the conditional output of the model.</param>
    /// <param name="perturbed">p: the output with identity self-attention maps.</param>
    /// <param name="scale">0 and above.</param>
    public static void Add(Span<float> guided, ReadOnlySpan<float> conditional, ReadOnlySpan<float> perturbed, float scale)
    {
        for (int i = 0; i < guided.Length; i++)
        {
            guided[i] += scale * (conditional[i] - perturbed[i]);
        }
    }
}
