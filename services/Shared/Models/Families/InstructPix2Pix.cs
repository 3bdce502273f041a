using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// instruct-pix2pix (Brooks et al. 2023, arXiv 2211.09800), as the reference's <c>pipeline_stable_diffusion_instruct_pix2pix.py</c>: the run begins
/// at noise, the image guides it.
/// </summary>
internal sealed class InstructPix2Pix : StableDiffusionVariant
{
    private const double DefaultImageGuidanceScale = 1.5;

    /// <summary>The image does not say where the run begins.</summary>
    private static readonly string[] BeginFields = ["strength", "init_latents"];

    /// <summary>Guidance of a run that has passes with the prompt, with the image and without both.</summary>
    private static readonly string[] GuidanceFields = ["guidance_scale", "guidance_rescale", "guidance_interval", "pag_scale"];

    /// <inheritdoc/>
    public override bool Covers(ModelFacts facts) => facts.IsGuidedByImage;

    /// <inheritdoc/>
    public override StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline) => pipeline with
    {
        Name = "instruct-pix2pix",
        Tasks = [RequestTask.ImageToImage],
        Fields =
        [
            .. pipeline.Fields.Except(FamilyRules.GuidanceFields).Except(BeginFields), .. GuidanceFields, "image_guidance_scale",
        ],
        Steps = 100,
        Strength = null,
        ComposesPrompts = false,
    };

    /// <inheritdoc/>
    public override ResolvedRequest Complete(ResolvedRequest resolved, ModelFacts facts) =>
        resolved with { ImageGuidanceScale = resolved.Request.ImageGuidanceScale ?? DefaultImageGuidanceScale };

    /// <inheritdoc/>
    public override ImageSettings Complete(ImageSettings image, ResolvedRequest request) =>
        image with { Role = ImageRole.Guide, Start = DenoiseStart.Noise, GuidanceScale = request.ImageGuidanceScale ?? 1 };
}
