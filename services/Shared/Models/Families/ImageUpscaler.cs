using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>Convolutional upscalers such as ESRGAN: one graph, <c>upscaler/model.onnx</c>, without noise or prompt.</summary>
public sealed class ImageUpscaler : ModelFamily
{
    /// <summary>The family's key.</summary>
    public const string FamilyKey = "image-upscaler";

    /// <summary>The folder of the graph.</summary>
    public const string Part = ModelFolder.UpscalerPart;

    private static readonly string[] Fields = ["init_image", "tile", "tile_overlap"];

    /// <inheritdoc/>
    public override string Key => FamilyKey;

    /// <inheritdoc/>
    public override bool Holds(ModelFolder model) => model.Graphs.ContainsKey(Part);

    /// <inheritdoc/>
    public override string NameFor(ModelFacts facts) => "convolutional upscaler";

    /// <inheritdoc/>
    public override bool Upscales(ModelFacts facts) => true;

    /// <inheritdoc/>
    public override IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary =>
        [(NameFor(new ModelFacts { Family = FamilyKey }), FamilyRules.AllOf(Fields, generates: false))];

    /// <inheritdoc/>
    public override void Require(ModelFolder model) => ImageUpscalerConfig.Read(model.Require(Part));

    /// <inheritdoc/>
    public override ModelFacts Read(ModelFolder model) => new()
    {
        Family = FamilyKey,
        Scale = ImageUpscalerConfig.Read(model.Require(Part)).Scale,
        LatentMultiple = 1,
        MaxClipSkip = 0,
    };

    /// <inheritdoc/>
    public override ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        FamilyRules.CheckFields(request, NameFor(model.Facts), [RequestTask.Upscale], Fields, faults, generates: false);
        FamilyRules.CheckTiles(request, ImageUpscalerConfig.DefaultTile, faults);
        if (images.InitImage is null && request.Task == RequestTask.Upscale)
        {
            FamilyRules.CheckImage(request, faults);
        }
        int scale = model.Facts.Scale ?? 1;
        if (images.InitImage is { } small)
        {
            FamilyRules.CheckUpscaled(small, scale, faults);
        }
        if (faults.Count > 0 || images.InitImage is not { } image)
        {
            return null;
        }
        return new ResolvedRequest
        {
            Request = request,
            IsGenerated = false,
            Model = model.Name,
            Prompt = "",
            NegativePrompt = null,
            IsGuided = false,
            Images = images,
            Width = image.Width * scale,
            Height = image.Height * scale,
            Seeds = request.Seeds ?? [0],
            GuidanceScale = 1,
            GuidanceRescale = 0,
            Scheduler = [],
            SchedulerOverrides = null,
            Sampling = new SamplingOptions(),
        };
    }

    /// <inheritdoc/>
    public override string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before)
    {
        string image = before
            ?? plan.Add(
                "image", StageKind.VaeEncode, new VaeEncodeSettings { Pixels = PixelRange.Stretched, Image = request.Images.InitImage!.Id }, [],
                model) + ".image";
        var settings = new VaeDecodeSettings { Upscaling = new UpscaleSettings(request.Request.Tile, request.Request.TileOverlap ?? 0) };
        return plan.Add("upscale", StageKind.VaeDecode, settings, new() { ["pixels"] = image }, model) + ".pixels";
    }
}
