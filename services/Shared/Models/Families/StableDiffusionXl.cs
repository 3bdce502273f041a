using Brownian.Models.Facts;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>
/// Stable Diffusion XL (Podell et al. 2023, arXiv 2307.01952), implemented as the reference's <c>stable_diffusion_xl</c> pipelines: a second text
/// encoder, pooled embeddings, and sizes and crops as inputs of the denoiser.
/// </summary>
internal class StableDiffusionXl : StableDiffusionVariant
{
    /// <summary>Fields that only the refiner's pipeline supports.</summary>
    protected static readonly string[] AestheticFields = ["aesthetic_score", "negative_aesthetic_score"];

    private static readonly string[] XlFields = ["prompt_2", "negative_prompt_2", .. RequestSchema.NamesIn(FieldGroup.Xl).Except(AestheticFields)];

    /// <inheritdoc/>
    public override bool Covers(ModelFacts facts) => facts is { IsXl: true, RequiresAestheticScore: false };

    /// <inheritdoc/>
    public override StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline)
    {
        bool isInpaint = pipeline.Task == RequestTask.Inpaint;
        return pipeline with
        {
            Name = "Stable Diffusion XL",
            Fields = [.. pipeline.Fields, .. XlFields],
            // A distilled XL model keeps the guidance scale that it was distilled with.
            GuidanceScale = isInpaint || pipeline.EmbedsGuidance ? pipeline.GuidanceScale : 5,
            Strength = pipeline.Strength is null ? null : isInpaint ? 0.9999 : 0.3,
            RescalesGuidance = true,
        };
    }

    /// <inheritdoc/>
    public override void CheckTask(GenerationRequest request, string family, List<FieldFault> faults)
    {
        bool isText = request.Task == RequestTask.TextToImage;
        if (!isText && request.Refiner is not null && request.SetFields.Contains("refiner"))
        {
            faults.Add(new FieldFault("refiner", $"is not supported by the family {family} in {request.Task}"));
        }
        if (isText && request.DenoisingStart is not null && request.SetFields.Contains("denoising_start"))
        {
            faults.Add(new FieldFault("denoising_start", $"is not supported by the family {family} without init_image or init_latents"));
        }
    }

    /// <inheritdoc/>
    public override ResolvedRequest Complete(ResolvedRequest resolved, ModelFacts facts)
    {
        GenerationRequest request = resolved.Request;
        bool fromImage = request.Task is RequestTask.ImageToImage or RequestTask.Inpaint;
        (IReadOnlyList<double> own, IReadOnlyList<double> negative) = TimeIdsOf(request, resolved.Width, resolved.Height, fromImage);
        ResolvedRequest completed = resolved with { TimeIds = own, NegativeTimeIds = negative };
        if (facts.ForceZeros && request.NegativePrompt is null)
        {
            // Zeros replace both negative prompts.
            completed = completed with { NegativePrompt = null, NegativePrompt2 = null };
        }
        if (resolved.Hires is { } hires)
        {
            (own, negative) = TimeIdsOf(request with { OriginalSize = null, TargetSize = null }, hires.Width, hires.Height, true);
            completed = completed with { Hires = hires with { TimeIds = own, NegativeTimeIds = negative } };
        }
        return completed;
    }

    /// <summary>
    /// Returns the sizes and crops as numbers (<c>_get_add_time_ids</c> of the reference's XL pipelines, including their differences).
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="width">The image's width in pixels.</param>
    /// <param name="height">The image's height in pixels.</param>
    /// <param name="fromImage">Whether the run starts from an image.</param>
    /// <returns>The numbers of the conditional pass, and those of the unconditional pass.</returns>
    protected virtual (IReadOnlyList<double> Own, IReadOnlyList<double> Negative) TimeIdsOf(
        GenerationRequest request, int width, int height, bool fromImage)
    {
        int[] size = [height, width], none = [0, 0];
        IReadOnlyList<int> original = request.OriginalSize ?? size, target = request.TargetSize ?? size, crops = request.CropsCoordsTopLeft ?? none;
        double[] own = [.. original, .. crops, .. target];
        if (fromImage)
        {
            // The crops are those of the conditional pass.
            return (own, [.. request.NegativeOriginalSize ?? original, .. crops, .. request.NegativeTargetSize ?? target]);
        }
        return (
            own,
            request is { NegativeOriginalSize: { } negativeOriginal, NegativeTargetSize: { } negativeTarget }
                ? [.. negativeOriginal, .. request.NegativeCropsCoordsTopLeft ?? none, .. negativeTarget]
                : own);
    }
}
