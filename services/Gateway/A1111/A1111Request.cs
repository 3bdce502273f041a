using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Images;
using Brownian.Models.Facts;
using Brownian.Models.Metadata;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Gateway.A1111;

/// <summary>
/// A call of <c>txt2img</c> or <c>img2img</c> as a request. Its settings go the way of the settings in AUTOMATIC1111's images
/// (<see cref="ImageMetadata.OfA1111"/>), so that both mean the same.
/// </summary>
internal sealed class A1111Request
{
    /// <summary>Settings that are not followed, with the values at which they change nothing.</summary>
    private static readonly Dictionary<string, double[]> NotFollowed = new(StringComparer.Ordinal)
    {
        ["restore_faces"] = [0],
        ["tiling"] = [0],
        ["seed_resize_from_h"] = [0, -1],
        ["seed_resize_from_w"] = [0, -1],
        ["s_churn"] = [0],
        ["s_tmin"] = [0],
        ["s_tmax"] = [0],
        ["s_noise"] = [1],
        ["s_min_uncond"] = [0],
        ["save_images"] = [0],
        ["initial_noise_multiplier"] = [1],
        ["styles"] = [],
        ["latent_mask"] = [],
        ["hr_checkpoint_name"] = [],
        ["hr_sampler_name"] = [],
        ["hr_scheduler"] = [],
        ["hr_prompt"] = [],
        ["hr_negative_prompt"] = [],
        ["infotext"] = [],
        ["disable_extra_networks"] = [0],
        ["firstphase_width"] = [0],
        ["firstphase_height"] = [0],
    };

    /// <summary>Fields that are read, or that concern the other program's files alone.</summary>
    private static readonly string[] Read =
    [
        "prompt", "negative_prompt", "seed", "subseed", "subseed_strength", "sampler_name", "scheduler", "sampler_index", "batch_size",
        "n_iter", "steps", "cfg_scale", "width", "height", "eta", "denoising_strength", "override_settings",
        "override_settings_restore_afterwards", "refiner_checkpoint", "refiner_switch_at", "script_name", "script_args",
        "alwayson_scripts", "send_images", "force_task_id", "enable_hr", "hr_scale", "hr_upscaler", "hr_second_pass_steps", "hr_resize_x",
        "hr_resize_y", "init_images", "resize_mode", "image_cfg_scale", "mask", "mask_blur", "mask_blur_x", "mask_blur_y",
        "inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding", "inpainting_mask_invert", "include_init_images",
        "do_not_save_samples", "do_not_save_grid", "comments",
    ];

    private readonly List<string> _warnings = [];
    private readonly A1111Body _body;
    private readonly List<FieldFault> _faults;
    private readonly ImageMetadata _settings;

    private A1111Request(A1111Body body, bool isImage, A1111Options options, List<FieldFault> faults)
    {
        (_body, _faults) = (body, faults);
        _settings = Settings(options, isImage);
        Request = (JsonObject)_settings.Request.DeepClone();
        ReadCount();
        if (isImage)
        {
            ReadImages();
        }
        ReadScripts();
        Warn();
    }

    /// <summary>The request.</summary>
    public JsonObject Request { get; }

    /// <summary>What is not followed, one sentence each.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>The name by which the caller asks for progress and cancels; null for none.</summary>
    public string? TaskId => _body.Text("force_task_id");

    /// <summary>Whether the answer has the images.</summary>
    public bool SendsImages => _body.Truth("send_images", otherwise: true);

    /// <summary>Reads a call.</summary>
    /// <param name="json">Its fields.</param>
    /// <param name="isImage">Whether it is <c>img2img</c>.</param>
    /// <param name="options">The options of the caller's tenant.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <exception cref="A1111Exception">The call names a script or a sampler that does not exist.</exception>
    public static A1111Request Of(JsonObject json, bool isImage, A1111Options options, List<FieldFault> faults) =>
        new(new A1111Body(json, faults), isImage, options, faults);

    /// <summary>Adapts the request to its model.</summary>
    public void FitTo(ModelFacts facts)
    {
        _warnings.AddRange(_settings.FitTo(Request, facts).Select(setting => $"{setting} is not followed by this model"));
        if (!facts.IsGuidedByImage)
        {
            Request.Remove("image_guidance_scale");
        }
    }

    /// <summary>Returns the fields of the call with what was left out, as the answer repeats them.</summary>
    public JsonObject Echo()
    {
        var echo = (JsonObject)_body.Json.DeepClone();
        if (!_body.Truth("include_init_images"))
        {
            foreach (string field in (string[])["init_images", "mask"])
            {
                if (echo.ContainsKey(field))
                {
                    echo[field] = null;
                }
            }
        }
        return echo;
    }

    private ImageMetadata Settings(A1111Options options, bool isImage)
    {
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        Add("Steps", _body.Digits("steps"));
        Add("CFG scale", _body.Digits("cfg_scale"));
        Add("Seed", _body.Digits("seed"));
        string? sampler = _body.Text("sampler_name") ?? _body.Text("sampler_index");
        if (sampler is { Length: > 0 })
        {
            if (SchedulerCatalog.FindName(sampler) is null)
            {
                throw new A1111Exception(StatusCodes.Status404NotFound, "Sampler not found");
            }
            Add("Sampler", sampler);
            Add("Schedule type", _body.Text("scheduler") is { Length: > 0 } schedule ? schedule : "Automatic");
        }
        else if (_body.Text("scheduler") is { Length: > 0 } schedule && !schedule.Equals("automatic", StringComparison.OrdinalIgnoreCase))
        {
            Add("Schedule type", schedule);
        }
        string? width = _body.Digits("width"), height = _body.Digits("height");
        if (width is not null && height is not null)
        {
            Add("Size", $"{width}x{height}");
        }
        if (_body.Number("subseed_strength") is > 0)
        {
            Add("Variation seed", _body.Digits("subseed"));
            Add("Variation seed strength", _body.Digits("subseed_strength"));
        }
        JsonObject overrides = _body.Object("override_settings");
        Add("Model", TextOf(overrides["sd_model_checkpoint"]) ?? options.Model);
        Add("Clip skip", overrides["CLIP_stop_at_last_layers"]?.ToJsonString() ?? options.ClipSkip?.ToString(CultureInfo.InvariantCulture));
        foreach ((string name, JsonNode? value) in overrides)
        {
            if (name is not ("sd_model_checkpoint" or "CLIP_stop_at_last_layers") && !A1111Options.IsNeutral(name, value))
            {
                _warnings.Add($"override_settings.{name} is not followed");
            }
        }
        // The eta of ancestral samplers is 1 there, too.
        if (sampler?.StartsWith("DDIM", StringComparison.OrdinalIgnoreCase) == true || _body.Number("eta") is not (null or 0 or 1))
        {
            Add("Eta", _body.Digits("eta"));
        }
        if (_body.Text("refiner_checkpoint") is { Length: > 0 } refiner)
        {
            Add("Refiner", refiner);
            Add("Refiner switch at", _body.Digits("refiner_switch_at"));
        }
        if (!isImage && _body.Truth("enable_hr"))
        {
            Add("Denoising strength", _body.Digits("denoising_strength") ?? "0.75");
            string? wide = _body.Digits("hr_resize_x"), high = _body.Digits("hr_resize_y");
            if (wide is not (null or "0") || high is not (null or "0"))
            {
                Add("Hires resize", $"{wide ?? "0"}x{high ?? "0"}");
            }
            else
            {
                Add("Hires upscale", _body.Digits("hr_scale") ?? "2");
            }
            Add("Hires upscaler", _body.Text("hr_upscaler") is { Length: > 0 } upscaler ? upscaler : "Latent");
            Add("Hires steps", _body.Digits("hr_second_pass_steps"));
        }
        try
        {
            return ImageMetadata.OfA1111(_body.Text("prompt") ?? "", _body.Text("negative_prompt") ?? "", values);
        }
        catch (InvalidDataException exception)
        {
            _faults.Add(new FieldFault("request", exception.Message));
            return ImageMetadata.OfA1111("", "", new Dictionary<string, string>());
        }

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                values[name] = value;
            }
        }
    }

    private void ReadCount()
    {
        double size = _body.Number("batch_size") ?? 1, batches = _body.Number("n_iter") ?? 1;
        bool areWhole = size == Math.Truncate(size) && batches == Math.Truncate(batches);
        if (!areWhole || size < 1 || batches < 1 || size * batches > GenerationRequest.MaxImages)
        {
            _faults.Add(FieldFault.Of(
                "batch_size", size * batches, string.Create(CultureInfo.InvariantCulture, $"1..{GenerationRequest.MaxImages} images, with n_iter")));
            return;
        }
        int count = (int)(size * batches);
        if (count > 1)
        {
            // Each image has the seed after the one before, as a count does here.
            if (Request["seeds"] is JsonArray { Count: 1 } seeds)
            {
                Request["seed"] = seeds[0]!.DeepClone();
                Request.Remove("seeds");
            }
            Request["count"] = count;
        }
    }

    private void ReadImages()
    {
        if (_body.List("init_images") is not { Count: > 0 } images)
        {
            throw new A1111Exception(StatusCodes.Status404NotFound, "Init image not found");
        }
        if (images.Count > 1)
        {
            _faults.Add(new FieldFault("init_images", $"has {images.Count} images; allowed: one"));
            return;
        }
        Request["strength"] = _body.Number("denoising_strength") ?? 0.75;
        if (_body.Number("image_cfg_scale") is { } guidance)
        {
            Request["image_guidance_scale"] = guidance;
        }
        Request["init_image"] = UrlOf("init_images", images[0]);
        if (_body.Number("resize_mode") is not (null or 0))
        {
            _warnings.Add("resize_mode is not followed: the image is stretched to the size (0)");
        }
        if (_body.Json["mask"] is not { } given)
        {
            return;
        }
        Request["mask"] = MaskOf(given);
        if (_body.Truth("inpaint_full_res", otherwise: true))
        {
            Request["padding_mask_crop"] = _body.Number("inpaint_full_res_padding") ?? 0;
        }
        if (_body.Number("inpainting_fill") is not 1)
        {
            _warnings.Add("inpainting_fill: the masked area begins with the original (1)");
        }
        if ((_body.Number("mask_blur") ?? _body.Number("mask_blur_x") ?? _body.Number("mask_blur_y")) is not 0)
        {
            _warnings.Add("mask_blur is not followed: the mask is used as it is");
        }
    }

    /// <summary>Returns an image in the form in which a request contains it; null, with a fault, when it is none.</summary>
    private string? UrlOf(string field, JsonNode? value) =>
        _body.Image(field, value) is { } bytes ? "data:image/png;base64," + Convert.ToBase64String(bytes) : null;

    /// <summary>Returns the mask, inverted where the call says so.</summary>
    private string? MaskOf(JsonNode given)
    {
        if (_body.Number("inpainting_mask_invert") is not 1)
        {
            return UrlOf("mask", given);
        }
        try
        {
            if (_body.Image("mask", given) is not { } bytes)
            {
                return null;
            }
            Raster grey = PngText.IsPng(bytes) ? PngReader.Read(bytes).ToGrey() : throw new InvalidDataException("is no PNG file");
            byte[] inverted = [.. grey.Pixels.Select(level => (byte)(byte.MaxValue - level))];
            return "data:image/png;base64," + Convert.ToBase64String(PngWriter.Encode(new Raster(grey.Width, grey.Height, 1, inverted)));
        }
        catch (InvalidDataException exception)
        {
            _faults.Add(new FieldFault("mask", exception.Message));
            return null;
        }
    }

    private void ReadScripts()
    {
        if (_body.Text("script_name") is { Length: > 0 } script)
        {
            throw new A1111Exception(StatusCodes.Status422UnprocessableEntity, $"Script '{script}' not found");
        }
        foreach ((string name, JsonNode? value) in _body.Object("alwayson_scripts"))
        {
            JsonArray units = (value as JsonObject)?["args"] as JsonArray ?? [];
            if (name.Equals("controlnet", StringComparison.OrdinalIgnoreCase))
            {
                ReadControlNets([.. units.OfType<JsonObject>().Where(unit => new A1111Body(unit, _faults).Truth("enabled", otherwise: true))]);
            }
            else if (units.Count > 0)
            {
                throw new A1111Exception(StatusCodes.Status422UnprocessableEntity, $"always on script {name} not found");
            }
        }
    }

    private void ReadControlNets(JsonObject[] units)
    {
        if (units.Length == 0)
        {
            return;
        }
        JsonArray images = [], nets = [], scales = [], starts = [], ends = [];
        var modules = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        bool guesses = false;
        for (int i = 0; i < units.Length; i++)
        {
            string field = string.Create(CultureInfo.InvariantCulture, $"alwayson_scripts.controlnet.args[{i}]");
            var unit = new A1111Body(units[i], _faults);
            JsonNode? image = units[i]["image"] ?? units[i]["input_image"];
            image = image is JsonObject pair ? pair["image"] : image;
            if (UrlOf(field + ".image", image) is { } url)
            {
                images.Add(url);
            }
            nets.Add(WithoutHash(unit.Text("model") ?? ""));
            scales.Add(unit.Number("weight") ?? 1);
            starts.Add(unit.Number("guidance_start") ?? 0);
            ends.Add(unit.Number("guidance_end") ?? 1);
            modules.Add(unit.Text("module") ?? "none");
            guesses |= unit.Truth("guessmode") || TextOf(units[i]["control_mode"]) == "ControlNet is more important";
        }
        string[] used = [.. modules];
        if (used is not [var module] || !ControlPreprocessNames.Contains(module))
        {
            _faults.Add(FieldFault.Of(
                "alwayson_scripts.controlnet.args", string.Join(", ", used),
                $"one module for all units, of {string.Join(", ", ControlPreprocessNames)}"));
            return;
        }
        (Request["control_image"], Request["controlnets"]) = (images, nets.All(net => (string)net! is "" or "None") ? null : nets);
        (Request["controlnet_conditioning_scale"], Request["control_guidance_start"], Request["control_guidance_end"]) = (scales, starts, ends);
        Request["control_preprocess"] = module.ToLowerInvariant();
        if (guesses)
        {
            Request["guess_mode"] = true;
        }
    }

    /// <summary>The modules of ControlNet that there are.</summary>
    public static IReadOnlyList<string> ControlPreprocessNames { get; } = ["none", "canny"];

    private void Warn()
    {
        _warnings.AddRange(_settings.Ignored.Select(setting => $"{setting} is not followed"));
        foreach ((string name, JsonNode? value) in _body.Json)
        {
            if (NotFollowed.TryGetValue(name, out double[]? neutral))
            {
                if (!IsNeutral(value, neutral))
                {
                    _warnings.Add($"{name} is not followed");
                }
            }
            else if (!Read.Contains(name))
            {
                _warnings.Add($"{name} is no field of this call");
            }
        }
    }

    private static bool IsNeutral(JsonNode? value, double[] neutral) => value switch
    {
        null => true,
        JsonArray list => list.Count == 0,
        JsonValue flag when flag.TryGetValue(out bool isSet) => !isSet,
        JsonValue text when text.TryGetValue(out string? read) => read.Length == 0,
        JsonValue number => JsonNumber.Double(number) is { } read && neutral.Contains(read),
        _ => false,
    };

    private static string? TextOf(JsonNode? value) => value is JsonValue text && text.TryGetValue(out string? read) ? read : null;

    /// <summary>Returns a ControlNet's name without the hash in brackets.</summary>
    private static string WithoutHash(string name) => name.Split(" [")[0];
}
