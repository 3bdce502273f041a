using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Tensors;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>The preview task, which decodes latents without denoising.</summary>
internal static class StableDiffusionPreview
{
    /// <summary>The fields that the task supports.</summary>
    public static readonly string[] Fields = ["task", "model", "latents", "vae_tiling", "output", "seeds", "seed", "count"];

    /// <summary>Resolves a preview request. The latents are those of a sampling loop and are decoded unchanged, one image each.</summary>
    public static ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        faults.AddRange(
            request.SetFields.Except(Fields).Select(
                field => new FieldFault(field, $"is not supported by the task {RequestTask.Preview}; known: {string.Join(", ", Fields)}")));
        if (request.Latents is null)
        {
            faults.Add(new FieldFault("latents", "is missing; allowed: a .npy file of [images, channels, height, width]"));
        }
        if (images.Latents is { } latents && model.Facts.Channels is { } channels && latents.Channels != channels)
        {
            faults.Add(FieldFault.Of("latents", $"{latents.Channels} channels", $"{channels} channels"));
        }
        if (images.Latents is { Count: > GenerationRequest.MaxImages } many)
        {
            faults.Add(FieldFault.Of("latents", $"{many.Count} images", $"1..{GenerationRequest.MaxImages}"));
        }
        if (faults.Count > 0 || images.Latents is not { } found)
        {
            return null;
        }
        int scale = model.Facts.Scale ?? 8;
        if (ElementCount.Of([found.Width, found.Height, scale, scale]) is not <= GenerationRequest.MaxPixels)
        {
            faults.Add(FieldFault.Of("latents", $"[{found.Count}, {found.Channels}, {found.Height}, {found.Width}]", string.Create(
                CultureInfo.InvariantCulture,
                $"up to {GenerationRequest.MaxPixels} pixels per image, {GenerationRequest.MaxPixels / scale / scale} latents")));
            return null;
        }
        int width = found.Width * scale, height = found.Height * scale;
        return new ResolvedRequest
        {
            // The settings of the latents' generation are unknown, so the files contain none.
            Request = request with { Output = request.Output with { Metadata = false } },
            IsGenerated = false,
            Model = model.Name,
            Prompt = "",
            NegativePrompt = null,
            IsGuided = false,
            Images = images,
            Width = width,
            Height = height,
            Seeds = [.. Enumerable.Range(0, found.Count).Select(i => (ulong)i)],
            GuidanceScale = 1,
            GuidanceRescale = 0,
            Scheduler = [],
            SchedulerOverrides = null,
            Sampling = new SamplingOptions(),
            IsTiled = StableDiffusionImages.IsTiled(request, width, height),
        };
    }

    /// <summary>Adds the stages that decode the request's latents.</summary>
    /// <returns>The output with the images.</returns>
    public static string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model)
    {
        string read = plan.Add("latents", StageKind.VaeEncode, new VaeEncodeSettings { Latents = request.Images.Latents!.Id }, [], model);
        return StableDiffusionStages.AddDecode(plan, request, model, read + ".image");
    }
}
