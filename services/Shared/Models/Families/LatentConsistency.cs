using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Plans;

namespace Brownian.Models.Families;

/// <summary>
/// Latent consistency models (Luo et al. 2023, arXiv 2310.04378), implemented as the reference's <c>latent_consistency_models</c>: guidance is
/// distilled into the denoiser, and the guidance scale is one of its inputs.
/// </summary>
internal sealed class LatentConsistency : StableDiffusionVariant
{
    /// <inheritdoc/>
    public override bool Covers(ModelFacts facts) => facts.EmbedsGuidance;

    /// <inheritdoc/>
    public override StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline) =>
        pipeline with { Name = "Latent Consistency", Steps = 4, GuidanceScale = 8.5, EmbedsGuidance = true };

    /// <summary>
    /// Passes the strength to the scheduler: the reference's LCM pipelines choose their steps from the part of the grid that strength leaves, and run
    /// all of them.
    /// </summary>
    public override (SamplingOptions Sampling, double? Strength) RunOf(SamplingOptions sampling, double? strength) =>
        (sampling with { Strength = strength ?? 1 }, null);

    /// <inheritdoc/>
    public override DenoiseSettings Complete(DenoiseSettings settings, ResolvedRequest request) =>
        settings with { GuidanceEmbedding = request.GuidanceScale - 1 };
}
