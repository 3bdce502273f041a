namespace Brownian.Models.Plans;

/// <summary>
/// Cuts a run's latents into overlapping windows that are denoised one after the other. At every evaluation the windows' predictions are blended into
/// a prediction for the whole latents, to which guidance and the scheduler's step are applied (MultiDiffusion, Bar-Tal et al. 2023, arXiv 2302.08113,
/// algorithm 1 with weights that fall towards the windows' borders). Noise is drawn for the whole latents, as without windows. When one window covers
/// the latents, the run equals one without windows.
/// </summary>
/// <param name="Side">The side of a window in latents, at least 1, as the model's input has it.</param>
/// <param name="Overlap">
/// The minimum number of latents that neighboring windows share, 0..<paramref name="Side"/> / 2. Without an overlap the borders are visible.
/// </param>
public sealed record DenoiseTiling(int Side, int Overlap)
{
    /// <summary>Returns whether latents of a size are cut: when a side is longer than a window's.</summary>
    public bool Cuts(int height, int width) => height > Side || width > Side;
}
