using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.References;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>A request with every default filled in. Plans and the settings texts of files are made from it.</summary>
public sealed record ResolvedRequest
{
    /// <summary>The original request.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>The fields that the family supports. <see cref="ToJson"/> writes no others.</summary>
    public IReadOnlyList<string> KnownFields { get; init; } = [];

    /// <summary>Whether AUTOMATIC1111's names of settings have the same meaning for the family.</summary>
    public bool HasInfotextFields { get; init; }

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>See <see cref="ModelCard.CheckpointSha256"/>.</summary>
    public string? CheckpointSha256 { get; init; }

    /// <summary>Whether the images are generated from noise. Other images have no seeds, and their files contain no settings.</summary>
    public bool IsGenerated { get; init; } = true;

    /// <summary>The prompt.</summary>
    public required string Prompt { get; init; }

    /// <summary>The negative prompt; null when there is no unconditional pass, or when zeros replace it.</summary>
    public required string? NegativePrompt { get; init; }

    /// <summary>Whether there is an unconditional pass.</summary>
    public required bool IsGuided { get; init; }

    /// <summary>The prompt for a second text encoder.</summary>
    public string? Prompt2 { get; init; }

    /// <summary>The negative prompt for a second text encoder.</summary>
    public string? NegativePrompt2 { get; init; }

    /// <summary>The images that the request names.</summary>
    public RequestImages Images { get; init; } = RequestImages.None;

    /// <summary>How far the result may be from the image; null when the run does not start from one.</summary>
    public double? Strength { get; init; }

    /// <summary>The first evaluation that is run.</summary>
    public int First { get; init; }

    /// <summary>The evaluation before which the run ends; null to run to the last one.</summary>
    public int? End { get; init; }

    /// <summary>The guidance scale of a guiding image; null without one.</summary>
    public double? ImageGuidanceScale { get; init; }

    /// <summary>XL's sizes and crops; null for other models.</summary>
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>XL's sizes and crops for the unconditional pass.</summary>
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }

    /// <summary>LoRAs and textual inversions with the hashes of their files; null for none.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>Warnings to the client about fields that have no effect; empty for none.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The ControlNets and their control images, in the request's order.</summary>
    public IReadOnlyList<ControlSettings> Controls { get; init; } = [];

    /// <summary>The window of a T5 encoder; null for the model's.</summary>
    public int? Window { get; init; }

    /// <summary>The guidance scale of a pass with the negative prompt, for guidance-distilled models; null for others.</summary>
    public double? TrueCfgScale { get; init; }

    /// <summary>The timestep that a small image is noised to; null without one.</summary>
    public int? NoiseLevel { get; init; }

    /// <summary>The windows in which a small image is enlarged; null to enlarge it as a whole.</summary>
    public DenoiseTiling? Tiling { get; init; }

    /// <summary>The run of a prior; null without one.</summary>
    public ResolvedRun? Prior { get; init; }

    /// <summary>The run of a super-resolution within the model; null without one.</summary>
    public ResolvedRun? SuperResolution { get; init; }

    /// <summary>The further stages of a cascade.</summary>
    public IReadOnlyList<ResolvedRequest> CascadeStages { get; init; } = [];

    /// <summary>Whether the VAE works in tiles.</summary>
    public bool IsTiled { get; init; }

    /// <summary>The seeds of the noise that each image's noise is moved towards; empty for none.</summary>
    public IReadOnlyList<ulong> Subseeds { get; init; } = [];

    /// <summary>A second pass at a larger size; null for none.</summary>
    public ResolvedHires? Hires { get; init; }

    /// <summary>The request for a refiner that continues with the latents; null for none.</summary>
    public ResolvedRequest? Refiner { get; init; }

    /// <summary>The width in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>The height in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>One seed per image.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>The guidance scale.</summary>
    public required double GuidanceScale { get; init; }

    /// <summary>The guidance rescale.</summary>
    public required double GuidanceRescale { get; init; }

    /// <summary>The guidance options other than the scale.</summary>
    public GuidanceOptions Guidance { get; init; } = GuidanceOptions.None;

    /// <summary>A complete <c>scheduler_config.json</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>The scheduler that the request set, or null for the model's.</summary>
    public required JsonObject? SchedulerOverrides { get; init; }

    /// <summary>The scheduler's sampling options.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>The width of the stage's images, in pixels.</summary>
    internal int FinalWidth => Hires?.Width ?? Width;

    /// <summary>The height of the stage's images, in pixels.</summary>
    internal int FinalHeight => Hires?.Height ?? Height;

    /// <summary>The number of requested steps.</summary>
    public int Steps => Sampling.Steps ?? Sampling.Timesteps?.Count ?? Sampling.Sigmas!.Count;

    /// <summary>The position of the second pass's steps among its fields.</summary>
    private const int HiresSteps = 2;

    /// <summary>Fields that are written even when they have their default values.</summary>
    private static readonly string[] AlwaysWritten = ["task", "prompt", "negative_prompt", "eta", "noise", "noise_dtype", "output"];

    /// <summary>
    /// Returns a scheduler's settings without fields that its class does not support. A request with such fields would be rejected.
    /// </summary>
    private static JsonObject Known(JsonObject scheduler)
    {
        SchedulerDescriptor descriptor = SchedulerCatalog.Create(scheduler).Config.Descriptor;
        return new JsonObject(
            scheduler.Where(option => option.Key == "_class_name" || descriptor.Find(option.Key) is not null)
                .Select(option => KeyValuePair.Create(option.Key, option.Value?.DeepClone())));
    }

    /// <summary>Returns the JSON of a cascade's request: the fields that all stages share, and those of each stage.</summary>
    private JsonObject CascadeToJson()
    {
        ResolvedRequest[] stages = [this with { CascadeStages = [] }, .. CascadeStages];
        JsonObject[] own = [.. stages.Select(stage => stage.ToJson())];
        var json = new JsonObject
        {
            ["task"] = own[0]["task"]!.DeepClone(),
            ["model"] = new JsonArray([.. stages.Select(stage => JsonValue.Create(stage.Model))])
        };
        foreach ((string name, JsonNode? value) in own[0])
        {
            if (!RequestSchema.Is(name, FieldScope.Stage) && name is not ("task" or "model"))
            {
                json[name] = value?.DeepClone();
            }
        }
        if (Strength is { } strength)
        {
            json["strength"] = strength;
        }
        for (int i = 0; i < stages.Length; i++)
        {
            string block = string.Create(CultureInfo.InvariantCulture, $"stage_{i + 1}");
            json[block] = new JsonObject(
                own[i].Where(field => RequestSchema.Is(field.Key, FieldScope.Stage) && field.Key != "strength")
                    .Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone())));
            if (i > 0 && stages[i].Request.SeedOffset is > 0 and var offset)
            {
                json[block + "_seed_offset"] = offset;
            }
        }
        return json;
    }

    /// <summary>Returns the request as JSON with every default filled in. A request file with this content produces the same images.</summary>
    public JsonObject ToJson()
    {
        if (Request.Task == RequestTask.Preview)
        {
            return new JsonObject { ["task"] = Request.Task, ["model"] = Model, ["latents"] = Images.Latents!.Id, ["vae_tiling"] = IsTiled };
        }
        if (CascadeStages.Count > 0)
        {
            return CascadeToJson();
        }
        var output = new JsonObject
        {
            ["format"] = Request.Output.Format.ToString().ToLowerInvariant(),
            ["quality"] = Request.Output.Quality,
            ["metadata"] = Request.Output.Metadata,
        };
        if (!IsGenerated)
        {
            return new JsonObject
            {
                ["task"] = Request.Task,
                ["model"] = Model,
                ["init_image"] = Images.InitImage!.Id,
                ["tile"] = Request.Tile,
                ["tile_overlap"] = Request.TileOverlap,
                ["output"] = output,
            };
        }
        bool isControlled = Controls.Count > 0;
        JsonObject json = RequestSchema.Request.Write(
            FilledIn(),
            (field, value) =>
                !field.IsDefault(value) || AlwaysWritten.Contains(field.Name) || (isControlled && field.Declared.Group == FieldGroup.ControlNet),
            KnownFields.ToHashSet(StringComparer.Ordinal));
        if (Hires is { Sampling.Steps: null })
        {
            ((JsonObject)json["hires"]!).Insert(HiresSteps, "steps", null);
        }
        if (Refiner?.ToJson() is not { } refiner)
        {
            return json;
        }
        json["refiner"] = new JsonObject(
            refiner.Where(field => RequestSchema.Is(field.Key, FieldScope.Refiner))
                .Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone())));
        return RequestSchema.Sorted(json);
    }

    /// <summary>Returns the request with its fields replaced by the resolved values.</summary>
    private GenerationRequest FilledIn() => Request with
    {
        Model = Model,
        Prompt = Request.Interpolate is null ? Prompt : null,
        NegativePrompt = NegativePrompt,
        Width = Width,
        Height = Height,
        Seeds = Request.Interpolate is null ? Seeds : [Seeds[0]],
        Count = 1,
        GuidanceScale = GuidanceScale,
        GuidanceRescale = GuidanceRescale,
        Scheduler = SchedulerOverrides ?? Known(Scheduler),
        Interpolate = Request.Interpolate is { Images: not null } between
            ? between with { Images = [.. Images.Between.Select(image => image.Id)] }
            : Request.Interpolate,
        MaxSequenceLength = Window,
        TrueCfgScale = TrueCfgScale,
        NoiseLevel = NoiseLevel,
        PriorSteps = Prior?.Sampling.Steps,
        PriorGuidanceScale = Prior?.GuidanceScale,
        DecoderSteps = Sampling.Steps,
        DecoderGuidanceScale = GuidanceScale,
        SuperResSteps = SuperResolution?.Sampling.Steps,
        InitImage = Images.InitImage?.Id,
        Mask = Images.Mask?.Id,
        InitLatents = Images.InitLatents?.Id,
        Latents = null,
        Strength = Strength,
        GuidanceMethod = Guidance.Method,
        PagScale = Guidance.PerturbedScale,
        GuidanceInterval = Guidance.Start > 0 || Guidance.End < 1 ? [Guidance.Start, Guidance.End] : null,
        ImageGuidanceScale = ImageGuidanceScale,
        Adapters = Adapters,
        Subseed = Subseeds.Count > 0 ? Subseeds[0] : null,
        SubseedStrength = Subseeds.Count > 0 ? Request.SubseedStrength : 0,
        Hires = Hires is not { } hires ? null : new HiresSettings
        {
            Width = hires.Width,
            Height = hires.Height,
            Steps = hires.Sampling.Steps,
            Strength = hires.Strength,
            Upscaler = hires.Upscaler,
        },
        VaeTiling = IsTiled || Request.VaeTiling is not null ? IsTiled : null,
        Refiner = null,
        ControlImages = Each(control => control.Image) ?? [],
        ControlNets = Each(control => control.Net),
        ControlScales = Each(control => control.Scale),
        ControlStarts = Each(control => control.Start),
        ControlEnds = Each(control => control.End),
        GuessMode = Controls.Count > 0 && Request.GuessMode,
        ControlPreprocess = Controls.Count > 0 ? Request.ControlPreprocess : ControlPreprocess.None,
        Timesteps = Sampling.Timesteps,
        Steps = Sampling.Timesteps is null ? Steps : null,
        Preview = null,
        StopAfter = null,
    };

    private T[]? Each<T>(Func<ControlSettings, T> value) => Controls.Count == 0 ? null : [.. Controls.Select(value)];
}
