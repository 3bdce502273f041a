using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>The request rules that all families share.</summary>
public static class FamilyRules
{
    /// <summary>The default side of tiles, in pixels of the image that is enlarged.</summary>
    private const int DefaultTile = 128;

    /// <summary>The divisor of a tile's side that gives the default overlap.</summary>
    private const int DefaultOverlap = 4;

    /// <summary>The default guidance scale with CFG++. It corresponds to about 7.5 with plain guidance (Chung et al. 2024, table 1).</summary>
    private const double DefaultPlusScale = 0.6;

    /// <summary>Fields that every family supports.</summary>
    private static readonly string[] Common = ["task", "model", "output"];

    /// <summary>Fields that every family supports whose images are generated from noise.</summary>
    private static readonly string[] GeneratedFields = ["seeds", "seed", "count", "noise", "noise_dtype", "preview"];

    /// <summary>Fields of classifier-free guidance, for families with an unconditional pass.</summary>
    public static readonly string[] GuidanceFields =
        [.. RequestSchema.NamesIn(FieldGroup.Guidance).Except(["true_cfg_scale", "image_guidance_scale"])];

    /// <summary>Returns a family's fields together with those that all families support.</summary>
    /// <param name="known">The fields that the family supports in addition to the common ones.</param>
    /// <param name="generates">Whether the family's images are generated from noise.</param>
    public static IReadOnlyList<string> AllOf(IEnumerable<string> known, bool generates = true) =>
        [.. Common, .. generates ? GeneratedFields : [], .. known];

    /// <summary>Rejects tasks and fields that a family does not support.</summary>
    /// <param name="request">The request.</param>
    /// <param name="family">The family's name.</param>
    /// <param name="tasks">The tasks that the family supports.</param>
    /// <param name="known">The fields that the family supports in addition to the common ones.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <param name="generates">Whether the family's images are generated from noise.</param>
    /// <returns>Every field that the family supports.</returns>
    public static IReadOnlyList<string> CheckFields(
        GenerationRequest request, string family, IReadOnlyList<string> tasks, IEnumerable<string> known, List<FieldFault> faults,
        bool generates = true)
    {
        IReadOnlyList<string> all = AllOf(known, generates);
        if (!tasks.Contains(request.Task))
        {
            faults.Add(FieldFault.Of("task", request.Task, $"{string.Join(", ", tasks)} with the family {family}"));
            return all;
        }
        faults.AddRange(
            request.SetFields.Except(all)
                .Select(field => new FieldFault(field, $"is not supported by the family {family} in {request.Task}{Missing(field)}")));
        return all;

        string Missing(string field) => field == "strength" && tasks.Contains(RequestTask.ImageToImage) ? "; it needs init_image" : "";
    }

    /// <summary>Rejects <c>interpolate</c> together with a field that it replaces, and with more than one seed.</summary>
    public static void CheckInterpolation(GenerationRequest request, List<FieldFault> faults)
    {
        if (request.Interpolate is null)
        {
            return;
        }
        faults.AddRange(
            ((string[])["prompt", "init_image"]).Where(request.SetFields.Contains)
                .Select(field => new FieldFault(field, "cannot be given with interpolate, which sets both ends")));
        if ((request.Seeds?.Count ?? request.Count) != 1)
        {
            faults.Add(
                FieldFault.Of(
                    request.Seeds is null
                        ? "count"
                        : "seeds", request.Seeds?.Count ?? request.Count, "one with interpolate: all frames start from the same noise"));
        }
    }

    /// <summary>Returns the seeds of a request: one per image, or the same one for all frames.</summary>
    public static IReadOnlyList<ulong> FrameSeedsOf(GenerationRequest request) =>
        request.Interpolate is { } between ? [.. Enumerable.Repeat(SeedsOf(request)[0], between.Frames)] : SeedsOf(request);

    /// <summary>Rejects a request without a prompt, for families that need one.</summary>
    public static void CheckPrompt(GenerationRequest request, List<FieldFault> faults)
    {
        if (request.Prompt is null && request.Interpolate?.Prompts is null)
        {
            faults.Add(new FieldFault("prompt", "is missing; allowed: text of up to 32000 characters, also an empty text (\"\")"));
        }
    }

    /// <summary>
    /// Rejects a task that starts from an image when the request has none. An image that is named and could not be read has a fault already.
    /// </summary>
    public static void CheckImage(GenerationRequest request, List<FieldFault> faults)
    {
        if (request.InitImage is null)
        {
            faults.Add(new FieldFault("init_image", $"is missing; {request.Task} requires an image"));
        }
    }

    /// <summary>Rejects inpainting without a mask, and a crop around a mask that is black or has another size than the image.</summary>
    public static void CheckMask(GenerationRequest request, RequestImages images, List<FieldFault> faults)
    {
        if (request.Task == RequestTask.Inpaint && request.Mask is null)
        {
            faults.Add(new FieldFault("mask", "is missing; allowed: an image that is white where init_image is generated again"));
        }
        if (request.PaddingMaskCrop is not null && images.Mask is { IsBlack: true })
        {
            faults.Add(
                new FieldFault(
                    "mask",
                    "marks nothing: every pixel is black; allowed with padding_mask_crop: a mask with white where the image is generated again"));
        }
        if (images is { InitImage: { } image, Mask: { } mask } && request.PaddingMaskCrop is not null
            && (image.Width, image.Height) != (mask.Width, mask.Height))
        {
            faults.Add(
                new FieldFault(
                    "mask", $"is {mask.Width}x{mask.Height} pixels; allowed with padding_mask_crop: the image's {image.Width}x{image.Height}"));
        }
    }

    /// <summary>Rejects more previews than a request may have.</summary>
    public static void CheckPreviews(GenerationRequest request, int evaluations, List<FieldFault> faults)
    {
        if (request.Preview is { } preview
            && (request.Seeds?.Count ?? request.Count) * (evaluations / preview.Every) is var previews and > GenerationRequest.MaxPreviews)
        {
            faults.Add(new FieldFault("preview.every", string.Create(
                CultureInfo.InvariantCulture,
                $"{preview.Every} means {previews} previews in all; allowed: up to {GenerationRequest.MaxPreviews}")));
        }
    }

    /// <summary>
    /// Returns the windows of a run that enlarges an image: when the request sets <c>tile</c>, and for more than
    /// <see cref="GenerationRequest.MaxPixels"/> pixels.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="size">The size of the result, in pixels.</param>
    /// <param name="latents">The size of the result, in latents.</param>
    /// <param name="scale">The number of latents per pixel of the image that is enlarged.</param>
    /// <param name="multiple">The number that a window's side must be a multiple of. The side is rounded up.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <returns>The windows, or null when the whole image is generated at once.</returns>
    public static DenoiseTiling? TilingOf(
        GenerationRequest request, (int Width, int Height) size, (int Width, int Height) latents, double scale, int multiple, List<FieldFault> faults)
    {
        CheckTiles(request, DefaultTile, faults);
        bool needs = (long)size.Width * size.Height > GenerationRequest.MaxPixels;
        if (request.Tile == 0 && needs)
        {
            faults.Add(FieldFault.Of("tile", 0, string.Create(
                CultureInfo.InvariantCulture,
                $"above 0: the image would become {size.Width}x{size.Height}; up to {GenerationRequest.MaxPixels} pixels are the maximum")));
        }
        if (request.Tile is 0 || (request.Tile is null && !needs))
        {
            return null;
        }
        int tile = request.Tile ?? DefaultTile;
        int side = ((int)Math.Ceiling(tile * scale) + multiple - 1) / multiple * multiple;
        var tiling = new DenoiseTiling(side, Math.Min((int)Math.Ceiling((request.TileOverlap ?? tile / DefaultOverlap) * scale), side / 2));
        if (!tiling.Cuts(latents.Height, latents.Width))
        {
            return null;
        }
        if (request.PagScale > 0)
        {
            faults.Add(FieldFault.Of("pag_scale", request.PagScale, "0 when an image is upscaled in tiles"));
        }
        return tiling;
    }

    /// <summary>Rejects an overlap of more than half a tile.</summary>
    /// <param name="request">The request.</param>
    /// <param name="usual">The default side of tiles.</param>
    /// <param name="faults">Receives the faults.</param>
    public static void CheckTiles(GenerationRequest request, int usual, List<FieldFault> faults)
    {
        if (request.TileOverlap is { } overlap && overlap > (request.Tile ?? usual) / 2)
        {
            faults.Add(
                FieldFault.Of(
                    "tile_overlap", overlap, string.Create(CultureInfo.InvariantCulture, $"0..{(request.Tile ?? usual) / 2}, up to half of a tile")));
        }
    }

    /// <summary>Rejects an image whose enlarged size is too large.</summary>
    /// <param name="image">The image that is enlarged.</param>
    /// <param name="scale">The enlargement per side.</param>
    /// <param name="faults">Receives the faults.</param>
    public static void CheckUpscaled(RequestImage image, int scale, List<FieldFault> faults)
    {
        if (Math.Max(image.Width, image.Height) * (long)scale > GenerationRequest.MaxSide)
        {
            faults.Add(FieldFault.Of("init_image", $"{image.Width}x{image.Height} pixels", string.Create(
                CultureInfo.InvariantCulture,
                $"up to {GenerationRequest.MaxSide / scale} on each side: the image would become "
                    + $"{(long)image.Width * scale}x{(long)image.Height * scale}, and "
                        + $"{GenerationRequest.MaxSide}x{GenerationRequest.MaxSide} is the maximum")));
        }
    }

    /// <summary>
    /// Returns an image's size with each side rounded down to a multiple that the model supports. Rejects an image with a side below that multiple.
    /// </summary>
    /// <param name="field">The image's field.</param>
    /// <param name="image">The image.</param>
    /// <param name="multiple">The number that sides must be a multiple of.</param>
    /// <param name="request">The request. A side that it sets is not taken from the image.</param>
    /// <param name="faults">Receives the faults.</param>
    public static (int Width, int Height) SizeFrom(string field, RequestImage image, int multiple, GenerationRequest request, List<FieldFault> faults)
    {
        if ((request.Width is null && image.Width < multiple) || (request.Height is null && image.Height < multiple))
        {
            faults.Add(FieldFault.Of(field, $"{image.Width}x{image.Height} pixels", string.Create(
                CultureInfo.InvariantCulture, $"at least {multiple} on each side when width and height are not given")));
            return (multiple, multiple);
        }
        return (Math.Max(image.Width / multiple, 1) * multiple, Math.Max(image.Height / multiple, 1) * multiple);
    }

    /// <summary>Rejects a width or height that differs from the size that follows from the image.</summary>
    /// <param name="request">The request.</param>
    /// <param name="width">The width that follows from the image.</param>
    /// <param name="height">The height that follows from the image.</param>
    /// <param name="why">The reason for the size, as part of the message.</param>
    /// <param name="faults">Receives the faults.</param>
    public static void CheckOwnSize(GenerationRequest request, int width, int height, string why, List<FieldFault> faults)
    {
        foreach ((string field, int? requested, int own) in (
            (string, int?, int)[])[("width", request.Width, width), ("height", request.Height, height)])
        {
            if (requested is { } given && given != own)
            {
                faults.Add(FieldFault.Of(field, given, $"{own}, {why}, or none"));
            }
        }
    }

    /// <summary>Returns the first evaluation of a run that starts from an image.</summary>
    /// <param name="scheduler">The started scheduler.</param>
    /// <param name="steps">The scheduler's number of steps.</param>
    /// <param name="strength">How far the result may be from the image.</param>
    /// <param name="made">The number of steps that are run.</param>
    /// <param name="faults">Receives the faults.</param>
    public static int FirstOf(Scheduler scheduler, int steps, double strength, double made, List<FieldFault> faults)
    {
        int first = (int)Math.Max(steps - made, 0) * scheduler.Order;
        if (made <= 0 || first >= scheduler.Timesteps.Length)
        {
            faults.Add(
                FieldFault.Of(
                    "strength", strength,
                    string.Create(
                        CultureInfo.InvariantCulture, $"above 0, with at least one of {steps} steps left: {1.0 / steps:0.####} and above")));
            return 0;
        }
        return first;
    }

    /// <summary>Returns the sampling options of a request: its timesteps, or its number of steps or the default number.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The model.</param>
    /// <param name="defaultSteps">The family's default, for a model without its own.</param>
    public static SamplingOptions SamplingOf(GenerationRequest request, ModelCard model, int defaultSteps) => new()
    {
        Steps = request.Timesteps is null ? request.Steps ?? model.Defaults.Steps ?? defaultSteps : null,
        Timesteps = request.Timesteps,
        Eta = request.Eta,
    };

    /// <summary>Returns the guidance scale: the request's or the default.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The model.</param>
    /// <param name="usual">The family's default, for a model without its own.</param>
    public static double ScaleOf(GenerationRequest request, ModelCard model, double usual) =>
        request.GuidanceScale ?? (request.GuidanceMethod == GuidanceMethod.CfgPlusPlus ? DefaultPlusScale : model.Defaults.GuidanceScale ?? usual);

    /// <summary>Returns whether there is an unconditional pass, and the guidance options other than the scale.</summary>
    /// <param name="request">The request.</param>
    /// <param name="scale">The guidance scale.</param>
    /// <param name="scheduler">The started scheduler; null when it could not be created.</param>
    /// <param name="model">The model.</param>
    /// <param name="faults">Receives the faults.</param>
    public static (bool IsGuided, GuidanceOptions Options) GuidanceOf(
        GenerationRequest request, double scale, Scheduler? scheduler, ModelCard model, List<FieldFault> faults)
    {
        bool isPlus = request.GuidanceMethod == GuidanceMethod.CfgPlusPlus, isGuided = isPlus ? scale > 0 : ClassifierFreeGuidance.IsActive(scale);
        if (isPlus && scheduler is { TakesUnconditional: false })
        {
            faults.Add(FieldFault.Of("guidance_method", "cfg++", $"cfg with {scheduler.Config.Descriptor.ClassName}; cfg++ with DDIM and Euler"));
        }
        if (isPlus && scale > 1)
        {
            faults.Add(FieldFault.Of("guidance_scale", scale, "0..1 with cfg++"));
        }
        if (request.PagScale > 0 && !model.Facts.HasPerturbed)
        {
            faults.Add(
                FieldFault.Of(
                    "pag_scale", request.PagScale,
                    $"0 with the model {model.Name}, which has no graph with perturbed self-attention "
                        + $"({(model.Facts.Denoisers is [var denoiser, ..] ? denoiser : "unet")}{ModelFolder.PerturbedSuffix})"));
        }
        else if (request.PagScale > 0 && (request.ControlImages.Count > 0 || request.Adapters?.Loras.Count > 0))
        {
            faults.Add(
                FieldFault.Of(
                    "pag_scale", request.PagScale, "0 with LoRAs and ControlNets, which the graph with perturbed self-attention does not have"));
        }
        return (isGuided, request.Guidance);
    }

    /// <summary>Rejects eta with a scheduler that does not support it.</summary>
    public static void CheckEta(GenerationRequest request, Scheduler? scheduler, List<FieldFault> faults)
    {
        if (scheduler is { TakesEta: false } && request.Eta > 0)
        {
            faults.Add(FieldFault.Of("eta", request.Eta, $"0 with {scheduler.Config.Descriptor.ClassName}, whose steps have no eta"));
        }
    }

    /// <summary>
    /// Returns the seeds of a request: those that it sets, or random ones. The seeds of a cascade's later stage are shifted by its offset.
    /// </summary>
    public static IReadOnlyList<ulong> SeedsOf(GenerationRequest request) => request.Seeds ?? RandomSeeds(request.Count);

    /// <summary>Rejects a size that a model does not support.</summary>
    /// <exception cref="FieldFaultException">The size is not supported. The fault contains the nearest sizes that are.</exception>
    public static void RequireSize(int width, int height, ModelFacts facts)
    {
        var faults = new List<FieldFault>();
        CheckSize(width, height, facts, faults);
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
    }

    /// <summary>
    /// Creates and starts a scheduler from the model's configuration with the request's overrides. Faults are added and not thrown.
    /// </summary>
    /// <param name="file">The model's <c>scheduler_config.json</c>.</param>
    /// <param name="overrides">The request's scheduler, or null.</param>
    /// <param name="sampling">The sampling options of the run.</param>
    /// <param name="faults">Receives the faults.</param>
    public static Scheduler? CreateScheduler(JsonObject file, JsonObject? overrides, SamplingOptions sampling, List<FieldFault> faults)
    {
        try
        {
            Scheduler scheduler = SchedulerCatalog.Create(file, overrides: overrides?.ToDictionary(option => option.Key, option => option.Value));
            scheduler.Start(sampling);
            return scheduler;
        }
        catch (FieldFaultException exception)
        {
            faults.AddRange(exception.Faults);
            return null;
        }
    }

    /// <summary>Adds a fault for each side that a model does not support, and for too many pixels.</summary>
    public static void CheckSize(int width, int height, ModelFacts facts, List<FieldFault> faults, long most = GenerationRequest.MaxPixels)
    {
        if (facts is { FixedLatentSize: { } only, Scale: { } scale })
        {
            if ((width, height) != (only.Width * scale, only.Height * scale))
            {
                faults.Add(
                    new FieldFault(
                        "width", $"{width}x{height} is not allowed; the model's graphs are fixed to {only.Width * scale}x{only.Height * scale}"));
            }
            return;
        }
        if (facts.PixelMultiple is not { } multiple)
        {
            return;
        }
        CheckSide("width", width, multiple, faults);
        CheckSide("height", height, multiple, faults);
        if ((long)width * height > most)
        {
            faults.Add(
                new FieldFault(
                    "width",
                    string.Create(CultureInfo.InvariantCulture, $"{width}x{height} are {(long)width * height} pixels; allowed: up to {most}")));
        }
    }

    private static void CheckSide(string field, int side, int multiple, List<FieldFault> faults)
    {
        if (side % multiple == 0 && side > 0)
        {
            return;
        }
        int below = side / multiple * multiple, above = below + multiple;
        string nearest = below >= GenerationRequest.MinSide ? $"{below} and {above}" : $"{above}";
        faults.Add(new FieldFault(field, $"{side} is not allowed; allowed: multiples of {multiple} with this model, the nearest are {nearest}"));
    }

    /// <summary>Returns consecutive seeds from a random first one.</summary>
    public static ulong[] RandomSeeds(int count)
    {
        uint first = BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));
        return [.. Enumerable.Range(0, count).Select(i => first + (ulong)i)];
    }
}
