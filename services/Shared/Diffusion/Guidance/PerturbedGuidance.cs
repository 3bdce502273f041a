namespace Brownian.Diffusion.Guidance;

/// <summary>Perturbed-attention guidance (Ahn et al. 2024, arXiv 2403.17377): away from what a model says that does not look around itself.</summary>
public static class PerturbedGuidance
{
    /// <summary>guided += scale (c - p).</summary>
    /// <param name="guided">The prediction, guided by the prompt or not; changed in place.</param>
    /// <param name="conditional">c: the model's output with the prompt.</param>
    /// <param name="perturbed">p: the same with identity for self-attention maps.</param>
    /// <param name="scale">0 and above.</param>
    public static void Add(Span<float> guided, ReadOnlySpan<float> conditional, ReadOnlySpan<float> perturbed, float scale)
    {
        for (int i = 0; i < guided.Length; i++)
        {
            guided[i] += scale * (conditional[i] - perturbed[i]);
        }
    }
}
