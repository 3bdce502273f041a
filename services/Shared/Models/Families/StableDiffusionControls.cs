using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.References;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>The ControlNets of a Stable Diffusion request (Zhang et al. 2023, arXiv 2302.05543).</summary>
internal static class StableDiffusionControls
{
    private const string ScaleField = "controlnet_conditioning_scale", StartField = "control_guidance_start", EndField = "control_guidance_end";

    /// <summary>
    /// Rejects ControlNets for a model that supports none, and numbers that are neither one for all nor one each. Names that are not among the
    /// model's own ControlNets are resolved where the folders are stored.
    /// </summary>
    public static void Check(GenerationRequest request, RequestImages images, ModelCard model, string family, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        if (!facts.SupportsControlNets || request.ControlImages.Count == 0)
        {
            string why = facts.SupportsControlNets ? "without a control_image"
                : facts.IsGuidedByImage ? $"with the model {model.Name}, which does not support ControlNets"
                : $"with the model {model.Name}, whose UNet does not take the outputs of ControlNets; import the model with --controlnet";
            faults.AddRange(
                RequestSchema.NamesIn(FieldGroup.ControlNet).Where(request.SetFields.Contains)
                    .Select(field => new FieldFault(field, $"is not supported by the family {family} {why}")));
            return;
        }
        int controlCount = request.ControlImages.Count, controlNets = request.ControlNets?.Count ?? facts.ControlNets.Count;
        if (controlNets == 0)
        {
            faults.Add(new FieldFault(
                "controlnets", $"is missing; the model {model.Name} has none of its own; allowed: a ControlNet of the folders of adapters"));
        }
        else if (request.ControlNets is null ? controlCount > controlNets : controlCount != controlNets)
        {
            faults.Add(
                FieldFault.Of(
                    "control_image", $"{controlCount} images",
                    request.ControlNets is null
                        ? $"up to {controlNets}, one for each ControlNet of the model"
                        : $"{controlNets}, one for each ControlNet"));
        }
        bool counted = true;
        foreach ((string field, IReadOnlyList<double>? numbers) in
            ((string, IReadOnlyList<double>?)[])
            [
                (ScaleField, request.ControlScales), (StartField, request.ControlStarts), (EndField, request.ControlEnds)
            ])
        {
            if (numbers is not null && numbers.Count != 1 && numbers.Count != controlCount)
            {
                faults.Add(FieldFault.Of(field, $"{numbers.Count} numbers", $"one for all, or {controlCount}, one for each ControlNet"));
                counted = false;
            }
        }
        for (int i = 0; counted && i < controlCount; i++)
        {
            double start = At(request.ControlStarts, i, 0), end = At(request.ControlEnds, i, 1);
            if (start >= end)
            {
                faults.Add(
                    FieldFault.Of(StartField, start, string.Create(CultureInfo.InvariantCulture, $"below control_guidance_end, {end}")));
            }
        }
        if (request.PaddingMaskCrop is not null && images.Mask is { } mask
            && images.ControlImages.FirstOrDefault(image => (image.Width, image.Height) != (mask.Width, mask.Height)) is { } other)
        {
            faults.Add(
                new FieldFault(
                    "control_image",
                    $"is {other.Width}x{other.Height} pixels; allowed with padding_mask_crop: the mask's {mask.Width}x{mask.Height}"));
        }
    }

    /// <summary>Returns the ControlNets of a request without faults.</summary>
    public static ControlSettings[] Of(GenerationRequest request, RequestImages images, ModelFacts facts, int width, int height) =>
    [
        .. images.ControlImages.Select((image, i) => new ControlSettings
        {
            Net = request.ControlNets?[i] ?? new ControlNetReference(facts.ControlNets[i]),
            Image = image.Id,
            Preprocess = request.ControlPreprocess,
            Width = width,
            Height = height,
            Mask = request.PaddingMaskCrop is null ? null : images.Mask?.Id,
            PaddingMaskCrop = request.PaddingMaskCrop ?? 0,
            Scale = At(request.ControlScales, i, 1),
            Start = At(request.ControlStarts, i, 0),
            End = At(request.ControlEnds, i, 1),
            GuessMode = request.GuessMode,
        }),
    ];

    /// <summary>Returns the number for an index, from one number for all or one each.</summary>
    private static double At(IReadOnlyList<double>? numbers, int index, double usual) =>
        numbers is null ? usual : numbers[numbers.Count == 1 ? 0 : index];
}
