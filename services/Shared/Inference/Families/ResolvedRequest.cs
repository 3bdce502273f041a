using System.Text.Json.Nodes;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Prompts;
using Brownian.Inference.Requests;
using Brownian.Inference.Stages;

namespace Brownian.Inference.Families;

/// <summary>A request with every default filled in: what is done, and what a picture's file says of it.</summary>
public sealed record ResolvedRequest
{
    /// <summary>The request as it was asked.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>The fields that the family knows, of which <see cref="ToJson"/> writes no others; null for Stable Diffusion, which says it field by field.</summary>
    public IReadOnlyList<string>? KnownFields { get; init; }

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>Whether the pictures come of noise; what does not has no seeds, and says nothing of itself in files.</summary>
    public bool IsDrawn { get; init; } = true;

    /// <summary>What to draw.</summary>
    public required string Prompt { get; init; }

    /// <summary>What to keep away from; null where there is no pass without the prompt, or zeros stand for it.</summary>
    public required string? NegativePrompt { get; init; }

    /// <summary>Whether there is a pass without the prompt.</summary>
    public required bool IsGuided { get; init; }

    /// <summary>What a second text encoder is given.</summary>
    public string? Prompt2 { get; init; }

    /// <summary>The same of the negative prompt.</summary>
    public string? NegativePrompt2 { get; init; }

    /// <summary>The pictures that the request names.</summary>
    public RequestImages Images { get; init; } = RequestImages.None;

    /// <summary>How far from the picture to go; null where it does not begin at one.</summary>
    public double? Strength { get; init; }

    /// <summary>The first evaluation that is made.</summary>
    public int First { get; init; }

    /// <summary>The evaluation before which the run ends; null for its last.</summary>
    public int? End { get; init; }

    /// <summary>How far to go towards a guiding picture; null where there is none.</summary>
    public double? ImageGuidanceScale { get; init; }

    /// <summary>XL's sizes and crops; null in other models.</summary>
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>The same for the pass without the prompt.</summary>
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }

    /// <summary>LoRAs and textual inversions, with what their files hash to; null for none.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>What was asked for and changes nothing, for the client; empty for nothing.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>ControlNets and what they are shown, in the request's order.</summary>
    public IReadOnlyList<ControlSettings> Controls { get; init; } = [];

    /// <summary>The window of a T5 encoder; null for its own.</summary>
    public int? Window { get; init; }

    /// <summary>Guidance by a pass with the negative prompt, in models that guidance is distilled into; null in others.</summary>
    public double? TrueCfgScale { get; init; }

    /// <summary>The timestep that a small picture is noised to; null where none is.</summary>
    public int? NoiseLevel { get; init; }

    /// <summary>The windows that a small picture is made larger in; null for all of it at once.</summary>
    public DenoiseTiling? Tiling { get; init; }

    /// <summary>A prior's run; null without one.</summary>
    public ResolvedRun? Prior { get; init; }

    /// <summary>The run of a super-resolution within the model; null without one.</summary>
    public ResolvedRun? SuperResolution { get; init; }

    /// <summary>The further stages of a cascade.</summary>
    public IReadOnlyList<ResolvedRequest> Further { get; init; } = [];

    /// <summary>Whether the VAE works in tiles.</summary>
    public bool IsTiled { get; init; }

    /// <summary>What each picture's noise is moved towards; empty for nothing.</summary>
    public IReadOnlyList<ulong> Subseeds { get; init; } = [];

    /// <summary>A second pass at a larger size; null for none.</summary>
    public ResolvedHires? Hires { get; init; }

    /// <summary>What a second model does with the latents; null for none.</summary>
    public ResolvedRequest? Refiner { get; init; }

    /// <summary>Pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels.</summary>
    public required int Height { get; init; }

    /// <summary>One per picture.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>The guidance scale.</summary>
    public required double GuidanceScale { get; init; }

    /// <summary>The guidance rescale.</summary>
    public required double GuidanceRescale { get; init; }

    /// <summary>What guidance does beside its scale.</summary>
    public GuidanceOptions Guidance { get; init; } = GuidanceOptions.None;

    /// <summary>A complete <c>scheduler_config.json</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>The scheduler as the request named it, or null for the model's own.</summary>
    public required JsonObject? SchedulerOverrides { get; init; }

    /// <summary>The run that the scheduler is asked for.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>The width of what the stage makes, in pixels.</summary>
    internal int PictureWidth => Hires?.Width ?? Width;

    /// <summary>The height of what the stage makes, in pixels.</summary>
    internal int PictureHeight => Hires?.Height ?? Height;

    /// <summary>The steps that were asked for.</summary>
    public int Steps => Sampling.Steps ?? Sampling.Timesteps?.Count ?? Sampling.Sigmas!.Count;

    private static readonly string[] UnclipFields = ["decoder_steps", "decoder_guidance_scale"];

    private static readonly string[] AestheticFields = ["aesthetic_score", "negative_aesthetic_score"];

    private static readonly string[] SizeFields =
    [
        "original_size", "crops_coords_top_left", "target_size", "negative_original_size", "negative_crops_coords_top_left", "negative_target_size", "denoising_start", "denoising_end",
    ];

    /// <summary>Fields that a Stable Diffusion model does not know: a value that means nothing may have been given.</summary>
    private IEnumerable<string> Unknown =>
        [.. UnclipFields, .. TimeIds is { Count: 5 } ? [] : AestheticFields, .. TimeIds is null ? SizeFields : []];

    /// <summary>A scheduler's settings without the file's fields that its class does not know: a request would be refused for those.</summary>
    private static JsonObject Known(JsonObject scheduler)
    {
        SchedulerDescriptor descriptor = SchedulerCatalog.Create(scheduler).Config.Descriptor;
        return new JsonObject(scheduler.Where(option => option.Key == "_class_name" || descriptor.Find(option.Key) is not null).Select(option => KeyValuePair.Create(option.Key, option.Value?.DeepClone())));
    }

    /// <summary>A cascade's request: what its stages share, and what each says for itself.</summary>
    private JsonObject CascadeToJson()
    {
        ResolvedRequest[] stages = [this with { Further = [] }, .. Further];
        JsonObject[] own = [.. stages.Select(stage => stage.ToJson())];
        var json = new JsonObject { ["task"] = own[0]["task"]!.DeepClone(), ["model"] = new JsonArray([.. stages.Select(stage => JsonValue.Create(stage.Model))]) };
        foreach ((string name, JsonNode? value) in own[0])
        {
            if (!RequestReader.IsStageField(name) && name is not ("task" or "model"))
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
            json[block] = new JsonObject(own[i].Where(field => RequestReader.IsStageField(field.Key) && field.Key != "strength").Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone())));
            if (i > 0 && stages[i].Request.SeedOffset is > 0 and var offset)
            {
                json[block + "_seed_offset"] = offset;
            }
        }
        return json;
    }

    /// <summary>As a request file that gives the same pictures: with every default filled in.</summary>
    public JsonObject ToJson()
    {
        if (Request.Task == RequestTask.Preview)
        {
            return new JsonObject { ["task"] = Request.Task, ["model"] = Model, ["latents"] = Images.Latents!.Id, ["vae_tiling"] = IsTiled };
        }
        if (Further.Count > 0)
        {
            return CascadeToJson();
        }
        var output = new JsonObject
        {
            ["format"] = Request.Output.Format.ToString().ToLowerInvariant(),
            ["quality"] = Request.Output.Quality,
            ["metadata"] = Request.Output.Metadata,
        };
        if (!IsDrawn)
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
        var json = new JsonObject
        {
            ["task"] = Request.Task,
            ["model"] = Model,
            ["prompt"] = Request.Interpolate is null ? Prompt : null,
            ["negative_prompt"] = NegativePrompt,
            ["width"] = Width,
            ["height"] = Height,
            ["seeds"] = new JsonArray([.. (Request.Interpolate is null ? Seeds : Seeds.Take(1)).Select(seed => JsonValue.Create(seed))]),
            ["guidance_scale"] = GuidanceScale,
            ["guidance_rescale"] = GuidanceRescale,
            ["eta"] = Request.Eta,
            ["scheduler"] = SchedulerOverrides?.DeepClone() ?? Known(Scheduler),
            ["noise"] = NoiseWords.Of(Request.Noise),
            ["noise_dtype"] = NoiseWords.Of(Request.NoiseDtype),
            ["output"] = output,
        };
        if (Request.Interpolate is { } between)
        {
            json["interpolate"] = new JsonObject
            {
                [between.Prompts is null ? "images" : "prompts"] = new JsonArray([.. (between.Prompts ?? Images.Between.Select(image => image.Id)).Select(end => JsonValue.Create(end))]),
                ["frames"] = between.Frames,
            };
        }
        Add("prompt_2", Request.Prompt2);
        Add("negative_prompt_2", Request.NegativePrompt2);
        Add("prompt_3", Request.Prompt3);
        Add("negative_prompt_3", Request.NegativePrompt3);
        Add("max_sequence_length", Window);
        Add("true_cfg_scale", TrueCfgScale);
        Add("noise_level", NoiseLevel);
        Add("prior_steps", Prior?.Sampling.Steps);
        Add("prior_guidance_scale", Prior?.GuidanceScale);
        Add("decoder_steps", Sampling.Steps);
        Add("decoder_guidance_scale", GuidanceScale);
        Add("super_res_steps", SuperResolution?.Sampling.Steps);
        Add("prompt_syntax", Request.PromptSyntax == PromptSyntax.A1111 ? "a1111" : null);
        Add("long_prompt", Request.LongPrompt ? "chunk" : null);
        Add("clip_skip", Request.ClipSkip);
        Add("init_image", Images.InitImage?.Id);
        Add("mask", Images.Mask?.Id);
        Add("init_latents", Images.InitLatents?.Id);
        Add("strength", Strength);
        Add("guidance_method", Guidance.Method == GuidanceMethod.CfgPlusPlus ? "cfg++" : null);
        if (Guidance.PerturbedScale > 0)
        {
            json["pag_scale"] = Guidance.PerturbedScale;
        }
        if (Guidance.Start > 0 || Guidance.End < 1)
        {
            json["guidance_interval"] = new JsonArray(Guidance.Start, Guidance.End);
        }
        Add("padding_mask_crop", Request.PaddingMaskCrop);
        Add("image_guidance_scale", ImageGuidanceScale);
        Add("tile", Request.Tile);
        Add("tile_overlap", Request.TileOverlap);
        Add("denoising_start", Request.DenoisingStart);
        Add("denoising_end", Request.DenoisingEnd);
        AddPair("original_size", Request.OriginalSize);
        AddPair("crops_coords_top_left", Request.CropsCoordsTopLeft);
        AddPair("target_size", Request.TargetSize);
        AddPair("negative_original_size", Request.NegativeOriginalSize);
        AddPair("negative_crops_coords_top_left", Request.NegativeCropsCoordsTopLeft);
        AddPair("negative_target_size", Request.NegativeTargetSize);
        Add("aesthetic_score", Request.AestheticScore);
        Add("negative_aesthetic_score", Request.NegativeAestheticScore);
        if (Adapters is { } adapters)
        {
            json["loras"] = new JsonArray([.. adapters.Loras.Select(lora => new JsonObject { ["file"] = lora.File, ["weight"] = lora.Weight })]);
            json["textual_inversions"] = new JsonArray([.. adapters.TextualInversions.Select(inversion => new JsonObject { ["file"] = inversion.File, ["token"] = inversion.Token })]);
        }
        Add("original_inference_steps", Request.OriginalInferenceSteps);
        if (Subseeds.Count > 0)
        {
            json["subseed"] = Subseeds[0];
            json["subseed_strength"] = Request.SubseedStrength;
        }
        if (Hires is { } hires)
        {
            json["hires"] = new JsonObject
            {
                ["width"] = hires.Width,
                ["height"] = hires.Height,
                ["steps"] = hires.Sampling.Steps,
                ["strength"] = hires.Strength,
                ["upscaler"] = hires.Upscaler,
            };
        }
        if (IsTiled || Request.VaeTiling is not null)
        {
            json["vae_tiling"] = IsTiled;
        }
        if (Refiner?.ToJson() is { } refiner)
        {
            foreach (string shared in (string[])["task", "prompt", "negative_prompt", "width", "height", "seeds", "noise", "noise_dtype", "output", "vae_tiling", "init_latents", "prompt_syntax", "long_prompt"])
            {
                refiner.Remove(shared);
            }
            json["refiner"] = refiner;
        }
        if (Controls.Count > 0)
        {
            json["control_image"] = List(control => control.Image);
            json["controlnets"] = List(control => control.Net.Name);
            json["controlnet_conditioning_scale"] = List(control => control.Scale);
            json["control_guidance_start"] = List(control => control.Start);
            json["control_guidance_end"] = List(control => control.End);
            json["guess_mode"] = Request.GuessMode;
            json["control_preprocess"] = Request.ControlPreprocess;
        }
        if (Sampling.Timesteps is { } timesteps)
        {
            json["timesteps"] = new JsonArray([.. timesteps.Select(timestep => JsonValue.Create(timestep))]);
        }
        else
        {
            json["steps"] = Steps;
        }
        foreach (string field in json.Select(field => field.Key).Where(field => KnownFields is not { } known ? Unknown.Contains(field) : !known.Contains(field)).ToArray())
        {
            json.Remove(field);
        }
        return json;

        void Add<T>(string name, T? value)
        {
            if (value is not null)
            {
                json[name] = JsonValue.Create(value);
            }
        }

        JsonArray List<T>(Func<ControlSettings, T> value) => [.. Controls.Select(control => JsonValue.Create(value(control)))];

        void AddPair(string name, IReadOnlyList<int>? pair)
        {
            if (pair is not null)
            {
                json[name] = new JsonArray(pair[0], pair[1]);
            }
        }
    }
}
