using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// instruct-pix2pix (Brooks et al. 2023, arXiv 2211.09800), implemented as the reference's <c>pipeline_stable_diffusion_instruct_pix2pix.py</c>: the
/// run starts from noise and is guided by the image.
/// </summary>
internal sealed class InstructPix2Pix : StableDiffusionVariant
{
    private const double DefaultImageGuidanceScale = 1.5;

    /// <summary>Fields that are not supported, because the run does not start from the image.</summary>
    private static readonly string[] BeginFields = ["strength", "init_latents"];

    /// <summary>Guidance fields of a run with a pass for the prompt, one for the image and one without both.</summary>
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
