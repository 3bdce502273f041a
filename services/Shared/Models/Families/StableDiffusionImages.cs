using Brownian.Models.Facts;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>Checks the input images of a Stable Diffusion request and derives the output size from them.</summary>
internal static class StableDiffusionImages
{
    /// <summary>The number of pixels above which the VAE works in tiles by default, because its memory would be gigabytes.</summary>
    private const int MaxUntiled = 1536 * 1536;

    /// <summary>Rejects a task that starts from an image when the request has none, and images that the run cannot start from.</summary>
    public static void Check(GenerationRequest request, RequestImages images, ModelFacts facts, List<FieldFault> faults)
    {
        if (!facts.HasVaeEncoder && images.InitLatents is null)
        {
            faults.Add(new FieldFault("model", "has no vae_encoder folder: it cannot encode images"));
        }
        if (request.InitImage is not null && request.InitLatents is not null)
        {
            faults.Add(new FieldFault("init_latents", "replaces init_image; only one of them can be given"));
        }
        // An image that is named and could not be read has a fault already.
        if (request.InitImage is null && images is { InitImage: null, InitLatents: null } && request.InitLatents is null)
        {
            faults.Add(new FieldFault("init_image", $"is missing; {request.Task} requires an image"));
        }
        FamilyRules.CheckMask(request, images, faults);
        if (images.InitLatents is { } latents && facts.Channels is { } channels && latents.Channels != channels)
        {
            faults.Add(FieldFault.Of("init_latents", $"{latents.Channels} channels", $"{channels} channels"));
        }
        if (images.InitLatents is { Count: var count } && count != 1 && count != (request.Seeds?.Count ?? request.Count))
        {
            faults.Add(FieldFault.Of("init_latents", $"{count} latents", "one, or one for each image"));
        }
    }

    /// <summary>Returns the size of the output images: the request's, that of the starting image, or the model's.</summary>
    public static (int Width, int Height) SizeOf(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        ModelFacts facts = model.Facts;
        (int? width, int? height) = facts.FixedLatentSize is { } size
            ? (size.Width * facts.Scale, size.Height * facts.Scale)
            : (facts.SampleSize * facts.Scale, facts.SampleSize * facts.Scale);
        if (facts.FixedLatentSize is null)
        {
            (width, height) = (model.Defaults.Width ?? width, model.Defaults.Height ?? height);
        }
        if (images.InitLatents is { } latents && facts.Scale is { } scale)
        {
            return (latents.Width * scale, latents.Height * scale);
        }
        // Without a starting image, the size is that of the first control image.
        if ((images.InitImage ?? (images.ControlImages.Count > 0 ? images.ControlImages[0] : null)) is { } image && request.PaddingMaskCrop is null
            && facts.FixedLatentSize is null)
        {
            (width, height) =
                FamilyRules.SizeFrom(images.InitImage is null ? "control_image" : "init_image", image, facts.PixelMultiple ?? 8, request, faults);
        }
        return (request.Width ?? width ?? 0, request.Height ?? height ?? 0);
    }

    /// <summary>Whether the VAE works in tiles.</summary>
    public static bool IsTiled(GenerationRequest request, int width, int height) => request.VaeTiling ?? (long)width * height > MaxUntiled;
}
