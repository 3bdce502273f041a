using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Plans;

namespace Brownian.Models.Families;

/// <summary>
/// Latent consistency models (Luo et al. 2023, arXiv 2310.04378), as the reference's <c>latent_consistency_models</c>: guidance is distilled into
/// the denoiser, which is given the scale.
/// </summary>
internal sealed class LatentConsistency : StableDiffusionVariant
{
    /// <inheritdoc/>
    public override bool Covers(ModelFacts facts) => facts.EmbedsGuidance;

    /// <inheritdoc/>
    public override StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline) =>
        pipeline with { Name = "Latent Consistency", Steps = 4, GuidanceScale = 8.5, EmbedsGuidance = true };

    /// <summary>The reference's LCM pipelines take their steps from the part of the grid that strength leaves, and make all of them.</summary>
    public override (SamplingOptions Sampling, double? Strength) RunOf(SamplingOptions sampling, double? strength) =>
        (sampling with { Strength = strength ?? 1 }, null);

    /// <inheritdoc/>
    public override DenoiseSettings Complete(DenoiseSettings settings, ResolvedRequest request) =>
        settings with { GuidanceEmbedding = request.GuidanceScale - 1 };
}
