using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// Inpainting models, implemented as the reference's <c>pipeline_stable_diffusion_inpaint.py</c> with a UNet of nine channels: the denoiser receives
/// the mask and the masked image.
/// </summary>
internal sealed class StableDiffusionInpainting : StableDiffusionVariant
{
    /// <inheritdoc/>
    public override bool Covers(ModelFacts facts) => facts.IsInpainting;

    /// <inheritdoc/>
    public override StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline) =>
        pipeline with { Name = "Stable Diffusion inpainting", Tasks = [RequestTask.Inpaint] };

    /// <summary>Returns false at full strength, where the run starts from pure noise and the masked image determines what is kept.</summary>
    public override bool TakesWholeImage(ResolvedRequest request) => request.Strength is not >= 1;

    /// <inheritdoc/>
    public override ImageSettings Complete(ImageSettings image, ResolvedRequest request) => image with { Role = ImageRole.Inpaint };
}
