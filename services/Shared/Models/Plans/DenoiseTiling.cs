namespace Brownian.Models.Plans;

/// <summary>
/// How a run's latents are cut into overlapping windows that the model looks at one after the other: at every evaluation the windows'
/// predictions are blended into one of the whole latents, for which guidance and the scheduler's step are made (MultiDiffusion, Bar-Tal et al.
/// 2023, arXiv 2302.08113, algorithm 1 with weights that fall towards windows' borders). Noise is drawn for the whole latents, as without
/// windows. Where one window covers the latents the run is the one without.
/// </summary>
/// <param name="Side">A window's side in latents, at least 1; in what the model takes.</param>
/// <param name="Overlap">How many latents neighbours have in common at least, 0..<paramref name="Side"/> / 2; without any there are edges.</param>
public sealed record DenoiseTiling(int Side, int Overlap)
{
    /// <summary>Whether latents of a size are cut at all: where a side is longer than a window's.</summary>
    public bool Cuts(int height, int width) => height > Side || width > Side;
}
