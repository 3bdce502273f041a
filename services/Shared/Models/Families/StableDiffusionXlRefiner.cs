using Brownian.Models.Facts;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// XL's refiner, implemented as the reference's <c>pipeline_stable_diffusion_xl_img2img.py</c> with <c>requires_aesthetics_score</c>: an aesthetic
/// score replaces the target size.
/// </summary>
internal sealed class StableDiffusionXlRefiner : StableDiffusionXl
{
    private const double DefaultAestheticScore = 6, DefaultNegativeAestheticScore = 2.5;

    /// <inheritdoc/>
    public override bool Covers(ModelFacts facts) => facts is { IsXl: true, RequiresAestheticScore: true };

    /// <inheritdoc/>
    public override StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline)
    {
        StableDiffusionPipeline xl = base.Adjust(pipeline);
        return xl with
        {
            Name = "Stable Diffusion XL refiner",
            Tasks = xl.Tasks.Contains(RequestTask.ImageToImage) ? [RequestTask.ImageToImage] : xl.Tasks,
            Fields = [.. xl.Fields, .. AestheticFields],
        };
    }

    /// <inheritdoc/>
    protected override (IReadOnlyList<double> Own, IReadOnlyList<double> Negative) TimeIdsOf(
        GenerationRequest request, int width, int height, bool fromImage)
    {
        int[] none = [0, 0];
        IReadOnlyList<int> original = request.OriginalSize ?? [height, width];
        return (
            [.. original, .. request.CropsCoordsTopLeft ?? none, request.AestheticScore ?? DefaultAestheticScore],
            [
                .. request.NegativeOriginalSize ?? original, .. request.NegativeCropsCoordsTopLeft ?? none,
                request.NegativeAestheticScore ?? DefaultNegativeAestheticScore,
            ]);
    }
}
