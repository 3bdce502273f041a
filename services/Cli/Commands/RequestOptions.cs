using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Cli.Requests;
using Brownian.Cli.Settings;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Images;
using Brownian.Requests;

namespace Brownian.Cli.Commands;

/// <summary>
/// The options of <c>generate</c> for request fields, which override a request file or an image's settings; also those of <c>upscale</c> and
/// <c>interpolate</c>.
/// </summary>
/// <param name="kind">The command of the options.</param>
internal sealed class RequestOptions(ImageCommand kind = ImageCommand.Generate)
{
    /// <summary>Fields whose options or arguments are defined separately below, or in other classes.</summary>
    private static readonly string[] Special =
    [
        "task", "model", "prompt", "width", "height", "init_image", "mask", "seed", "count", "steps", "stop_after", "latents",
    ];

    private static readonly string[] UpscaleFields =
    [
        "negative_prompt", "tile", "tile_overlap", "noise_level", "vae_tiling", "guidance_scale", "guidance_rescale", "eta", "noise", "noise_dtype",
    ];

    private static readonly string[] InterpolateFields =
        ["negative_prompt", "vae_tiling", "guidance_scale", "guidance_rescale", "eta", "noise", "noise_dtype"];

    private readonly Argument<string> _image = new("IMAGE") { Description = "An image file: PNG, JPEG, WebP or GIF" };
    private readonly Option<string?> _promptOption = new Option<string?>("--prompt")
    {
        Description = "What the image shows, for models that take a prompt; - reads it from standard input (default: empty)",
        HelpName = "TEXT",
    }.In(HelpGroup.Prompt);

    private readonly Argument<string> _first = new("FIRST") { Description = "The first end of the frames: a prompt or an image file" };
    private readonly Argument<string> _second = new("SECOND") { Description = "The last end of the frames: a prompt or an image file" };
    private readonly Option<string?> _frames =
        new Option<string?>("--frames") { Description = "The number of frames, including both ends, 2..240 (default: 9)", HelpName = "N" }
            .In(HelpGroup.Image);
    private readonly Argument<string?> _prompt = new("PROMPT")
    {
        Description = "What the image shows; - reads it from standard input",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _request =
        new Option<string?>("--request") { Description = "A request as a JSON file; other options replace its fields", HelpName = "FILE" }
            .In(HelpGroup.Request);
    private readonly Option<string?> _preset = new Option<string?>("--preset")
    {
        Description = "Begin with the fields of a preset: a name of \"brownian presets\", or a JSON file",
        HelpName = "NAME|FILE",
    }.In(HelpGroup.Request);
    private readonly Option<string?> _like =
        new Option<string?>("--like") { Description = "An image whose settings become the request; other options replace them", HelpName = "FILE" }
            .In(HelpGroup.Request);
    private readonly Option<string?> _initImage = Of("init_image", "FILE");
    private readonly Option<string?> _mask = Of("mask", "FILE");
    private readonly Option<string?> _seed = Of("seed", "N");
    private readonly Option<string?> _count = Of("count", "N");
    private readonly Option<string?> _steps = Of("steps", "N");
    private readonly Option<string?> _refiner =
        new Option<string?>("--refiner") { Description = "A refiner that continues with XL's latents", HelpName = "MODEL" }.In(HelpGroup.Xl);
    private readonly Option<string?> _refinerStart =
        new Option<string?>("--refiner-start") { Description = "Where the refiner takes over, 0..1 (default: 0.8)", HelpName = "X" }.In(HelpGroup.Xl);
    private readonly Option<string?> _hires = new Option<string?>("--hires", FieldOption.OtherOptions("hires"))
    {
        Description = "Hires fix: a second pass, larger by this factor, 1..4; --set hires={...} sets all its fields (default: no second pass)",
        HelpName = "SCALE",
    }.In(HelpGroup.Image);
    private readonly Option<string?> _size = new Option<string?>("--size")
    {
        Description = "The image's width and height in pixels, such as 512x768 (default: the model's)",
        HelpName = "WxH",
    }.In(HelpGroup.Image);
    private readonly Option<string?> _width = Of("width", "N", "-W");
    private readonly Option<string?> _height = Of("height", "N", "-H");
    private readonly Option<string?> _scheduler = new Option<string?>("--scheduler", FieldOption.OtherOptions("scheduler"))
    {
        Description = "The sampler: a name of \"brownian schedulers list\" (default: the model's)",
        HelpName = "NAME",
    }.In(HelpGroup.Sampling);
    private readonly Option<string[]> _schedulerOptions = new Option<string[]>("--scheduler-option")
    {
        Description = "An option of the scheduler; can be repeated",
        HelpName = "KEY=VALUE",
        DefaultValueFactory = _ => [],
    }.In(HelpGroup.Sampling);

    private readonly Option<string?> _format = new Option<string?>("--format")
    {
        Description = "png, jpeg or webp (default: by the name of --output, else png)",
        HelpName = "FORMAT",
    }.In(HelpGroup.Output);
    private readonly Option<string?> _quality =
        new Option<string?>("--quality") { Description = "1..100, for jpeg and webp (default: 95)", HelpName = "N" }.In(HelpGroup.Output);
    private readonly Option<string[]> _set = new Option<string[]>("--set")
    {
        Description = "Any other field of the request (docs/request.md); can be repeated",
        HelpName = "FIELD=JSON",
        DefaultValueFactory = _ => [],
    }.In(HelpGroup.Advanced);

    /// <summary>The options of the other fields, in the order of their groups.</summary>
    private readonly FieldOption[] _fields =
    [
        .. RequestSchema.Request.All
            .Where(field => kind switch
            {
                ImageCommand.Upscale => UpscaleFields.Contains(field.Name),
                ImageCommand.Interpolate => InterpolateFields.Contains(field.Name),
                _ => !Special.Contains(field.Name),
            })
            .OrderBy(field => field.Declared.Group).Select(FieldOption.Create).OfType<FieldOption>(),
    ];

    /// <summary>Where fields come from that no option sets, and their values there: the user's defaults, a preset, an image.</summary>
    private readonly Dictionary<string, (string Where, JsonNode? Value)> _origins = new(StringComparer.Ordinal);

    /// <summary>The image of --like, once the request is built; null without --like.</summary>
    public LikeImage? Like { get; private set; }

    /// <summary>Whether the command runs a diffusion model, so that adapters and stages of cascades can be given.</summary>
    public bool Draws => kind != ImageCommand.Upscale;

    public void AddTo(Command command)
    {
        _scheduler.CompletionSources.Add([.. SchedulerCatalog.Names.Select(name => name.Name)]);
        (Argument[] arguments, Option[] first) = kind switch
        {
            ImageCommand.Interpolate => ((Argument[])[_first, _second], (Option[])[_frames, _seed, _steps]),
            ImageCommand.Upscale => ([_image], [_promptOption, _seed, _count, _steps]),
            _ => ([_prompt], [_request, _like, _preset, _initImage, _mask, _seed, _count, _steps, _refiner, _refinerStart, _hires]),
        };
        foreach (Argument argument in arguments)
        {
            command.Arguments.Add(argument);
        }
        Option[] all =
        [
            .. first, _size, _width, _height, _scheduler, _schedulerOptions, .. _fields.Select(field => field.Option), _format, _quality, _set,
        ];
        foreach (Option option in all)
        {
            command.Options.Add(option);
        }
    }

    private static Option<string?> Of(string name, string helpName, params string[] aliases) =>
        RequestSchema.Request.Find(name) is { } field
            ? new Option<string?>(field.Option, [.. FieldOption.OtherOptions(name), .. aliases])
            {
                Description = FieldOption.Describe(field),
                HelpName = helpName,
            }.In(FieldOption.GroupOf(field))
            : throw new ArgumentException($"{name} is not a field of a request", nameof(name));

    /// <summary>Builds the request as JSON: the fields of the file or the image, overridden by the options.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="model">The value of --model.</param>
    /// <param name="format">The format of the output's file name, which applies when no field sets one.</param>
    /// <param name="kept">The request of the file of --from; null without --from.</param>
    /// <param name="needsPrompt">Whether the prompt must be given; it may come from a file of requests otherwise.</param>
    /// <exception cref="FieldFaultException">Options are invalid; contains every fault.</exception>
    public JsonObject Build(ParseResult parsed, string? model, ImageFormat? format, JsonObject? kept = null, bool needsPrompt = true)
    {
        var faults = new List<FieldFault>();
        string? requestFile = parsed.GetValue(_request), likeFile = parsed.GetValue(_like);
        string? prompt =
            kind switch { ImageCommand.Upscale => parsed.GetValue(_promptOption), ImageCommand.Generate => parsed.GetValue(_prompt), _ => null };
        if (requestFile is not null && likeFile is not null)
        {
            throw new FieldFaultException(new FieldFault("--like", "cannot be given with --request"));
        }
        if (parsed.GetValue(_preset) is not null && (requestFile is not null || likeFile is not null || kept is not null))
        {
            throw new FieldFaultException(new FieldFault("--preset", "cannot be given with --request, --like or --from, which have all fields"));
        }
        if (kept is not null && (requestFile is not null || likeFile is not null))
        {
            throw new FieldFaultException(new FieldFault("--from", "contains a request; --request and --like cannot be given with it"));
        }
        JsonObject json = requestFile is not null ? RequestJson.Parse(InputFile.ReadAll(requestFile, "--request"))
            : likeFile is not null ? From($"from the settings in {likeFile}", (Like = LikeImage.Read(likeFile)).Settings.Request)
            : (JsonObject?)kept?.DeepClone() ?? Defaults(parsed.GetValue(_preset));
        string folder = FolderOf(requestFile);
        if (model is null && requestFile is not null)
        {
            foreach (JsonValue named in (json["model"] is JsonArray list ? list.AsEnumerable() : [json["model"]]).OfType<JsonValue>().ToArray())
            {
                if (named.TryGetValue(out string? path) && IsRelativeFolder(folder, path))
                {
                    named.ReplaceWith(Path.Combine(folder, path));
                }
            }
        }
        Set(json, "prompt", prompt == "-" ? ReadStandardInput() : prompt);
        if (kind == ImageCommand.Interpolate)
        {
            SetEnds(json, [parsed.GetValue(_first)!, parsed.GetValue(_second)!], parsed.GetValue(_frames));
        }
        if (kind == ImageCommand.Upscale)
        {
            json["task"] = RequestTask.Upscale;
            json["init_image"] = parsed.GetValue(_image);
        }
        Set(json, "model", model);
        SetTask(json, "init_image", parsed.GetValue(_initImage));
        SetTask(json, "mask", parsed.GetValue(_mask));
        SetSeeds(json, parsed.GetValue(_seed), parsed.GetValue(_count));
        if (parsed.GetValue(_steps) is not null)
        {
            json.Remove("timesteps");
        }
        SetNumber(json, "steps", parsed.GetValue(_steps));
        foreach (FieldOption field in _fields)
        {
            field.Apply(parsed, json);
        }
        if (parsed.GetValue(_hires) is { } larger)
        {
            json["hires"] = new JsonObject { ["scale"] = OptionText.Number(larger) };
        }
        SetRefiner(json, parsed.GetValue(_refiner), parsed.GetValue(_refinerStart), faults);
        if (OptionText.Size(parsed.GetValue(_size), "--size", faults) is { } size)
        {
            json["width"] = size.Width;
            json["height"] = size.Height;
        }
        foreach ((string side, Option<string?> option) in ((string, Option<string?>)[])[("width", _width), ("height", _height)])
        {
            if (parsed.GetValue(option) is not null && parsed.GetValue(_size) is not null)
            {
                faults.Add(new FieldFault(option.Name, "cannot be given with --size"));
            }
            SetNumber(json, side, parsed.GetValue(option));
        }
        SetScheduler(json, parsed.GetValue(_scheduler), parsed.GetValue(_schedulerOptions) ?? [], faults);
        SetOutput(json, parsed.GetValue(_format), parsed.GetValue(_quality), format, faults);
        foreach (string field in parsed.GetValue(_set) ?? [])
        {
            int equals = field.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                faults.Add(FieldFault.Of("--set", field, "FIELD=JSON, for example denoising_end=0.8"));
                continue;
            }
            json[field[..equals]] = OptionText.Json(field[(equals + 1)..]);
        }
        foreach ((string name, (string Where, JsonNode? Value) origin) in _origins.ToArray())
        {
            if (!JsonNode.DeepEquals(json[name], origin.Value))
            {
                _origins.Remove(name);
            }
        }
        Like?.Check(json, faults);
        if (prompt is null && requestFile is null && likeFile is null && kept is null && needsPrompt && RequestReading.NeedsPrompt(json))
        {
            faults.Add(new FieldFault("PROMPT", "is missing; allowed: text (\"\" for an empty prompt), - for standard input, or --request FILE"));
        }
        return faults.Count == 0 ? json : throw new FieldFaultException(faults);
    }

    /// <summary>
    /// Returns the fields that a request begins with: the user's defaults, replaced by those of a preset. Other commands than <c>generate</c> take
    /// only some fields, and so none of them.
    /// </summary>
    private JsonObject Defaults(string? preset)
    {
        if (kind != ImageCommand.Generate)
        {
            return [];
        }
        JsonObject fields = From($"from {UserConfig.FilePath}", UserConfig.ReadRequest());
        if (preset is not null)
        {
            var opened = Preset.Open(preset);
            foreach ((string name, JsonNode? value) in From($"from {opened.FilePath}", opened.Fields))
            {
                fields[name] = value?.DeepClone();
            }
        }
        return fields;
    }

    /// <summary>Returns a copy of fields, and remembers where they come from.</summary>
    private JsonObject From(string where, JsonObject fields)
    {
        foreach ((string name, JsonNode? value) in fields)
        {
            _origins[name] = (where, value?.DeepClone());
        }
        return (JsonObject)fields.DeepClone();
    }

    /// <summary>Returns where a field's value comes from when no option sets it, as the end of a message; nothing for other fields.</summary>
    /// <param name="field">The field, or a part of it.</param>
    public string OriginOf(string field) =>
        _origins.TryGetValue(field.Split('.', '[')[0], out (string Where, JsonNode? Value) origin) ? $" ({origin.Where})" : "";

    /// <summary>Returns the text from which file names are made; null for the prompt.</summary>
    public string? NameOf(ParseResult parsed) => kind switch
    {
        ImageCommand.Upscale => Path.GetFileNameWithoutExtension(parsed.GetValue(_image)) + " upscaled",
        ImageCommand.Interpolate =>
            $"{Path.GetFileNameWithoutExtension(parsed.GetValue(_first))} to {Path.GetFileNameWithoutExtension(parsed.GetValue(_second))}",
        _ => null,
    };

    /// <summary>Returns the files that the request names.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="batchFile">The file of requests, in whose folder they are; null for the one of the request.</param>
    public RequestFiles Files(ParseResult parsed, string? batchFile = null) => new(FolderOf(batchFile ?? parsed.GetValue(_request)));

    /// <summary>
    /// Sets the endpoints of an interpolation. If one of them is an image file, or has an image file's name, both are images; otherwise they are
    /// prompts.
    /// </summary>
    private static void SetEnds(JsonObject json, string[] ends, string? frames)
    {
        const int DefaultFrames = 9;
        bool areImages = ends.Any(IsImage);
        json["interpolate"] = new JsonObject
        {
            [areImages ? "images" : "prompts"] = new JsonArray([.. ends.Select(end => JsonValue.Create(end))]),
            ["frames"] = frames is null ? DefaultFrames : OptionText.Number(frames),
        };
        if (areImages)
        {
            json["task"] = RequestTask.Variation;
        }
    }

    private static bool IsImage(string end) =>
        File.Exists(end) || Path.GetExtension(end).ToUpperInvariant() is ".PNG" or ".JPG" or ".JPEG" or ".WEBP" or ".GIF";

    /// <summary>
    /// Sets an image field. The image implies another task than the one that a request file was written for, so the task is removed.
    /// </summary>
    private static void SetTask(JsonObject json, string field, string? value)
    {
        if (value is not null)
        {
            if ((json["task"] as JsonValue)?.ToString() is not (RequestTask.Variation or RequestTask.Upscale))
            {
                json.Remove("task");
            }
            json[field] = value;
        }
    }

    /// <summary>Sets the refiner. The first model stops where the refiner starts.</summary>
    private static void SetRefiner(JsonObject json, string? model, string? start, List<FieldFault> faults)
    {
        const string Default = "0.8";
        if (model is null)
        {
            if (start is not null)
            {
                faults.Add(new FieldFault("--refiner-start", "needs --refiner"));
            }
            return;
        }
        JsonNode share = OptionText.Number(start ?? Default);
        json["denoising_end"] = share;
        json["refiner"] = new JsonObject { ["model"] = model, ["denoising_start"] = share.DeepClone() };
        foreach (string shared in (string[])["steps", "guidance_scale"])
        {
            json["refiner"]![shared] = json[shared]?.DeepClone();
        }
    }

    /// <summary>Whether a folder in a request file is relative to the file's folder.</summary>
    private static bool IsRelativeFolder(string folder, string? path) =>
        path is not null && path.Contains('/', StringComparison.Ordinal) && !Path.IsPathRooted(path) && !Directory.Exists(path)
            && Directory.Exists(Path.Combine(folder, path));

    private static void Set(JsonObject json, string field, string? value)
    {
        if (value is not null)
        {
            json[field] = value;
        }
    }

    private static void SetNumber(JsonObject json, string field, string? value)
    {
        if (value is not null)
        {
            json[field] = OptionText.Number(value);
        }
    }

    private static void SetSeeds(JsonObject json, string? seed, string? count)
    {
        if (seed is not null)
        {
            json.Remove("seeds");
            json["seed"] = OptionText.Number(seed);
        }
        if (count is null)
        {
            return;
        }
        // The count starts at the first seed of the request.
        if (json["seeds"] is JsonArray { Count: > 0 } seeds)
        {
            json["seed"] = seeds[0]?.DeepClone();
            json.Remove("seeds");
        }
        json["count"] = OptionText.Number(count);
    }

    private static void SetScheduler(JsonObject json, string? name, string[] options, List<FieldFault> faults)
    {
        if (name is not null)
        {
            // The request's options are those of its own scheduler, so they are dropped.
            json["scheduler"] = new JsonObject { ["_class_name"] = name };
        }
        foreach (string option in options)
        {
            if (OptionText.SchedulerOption(option, faults) is not { } pair)
            {
                continue;
            }
            if (json["scheduler"] is not JsonObject scheduler)
            {
                json["scheduler"] = scheduler = json["scheduler"] is JsonValue text ? new JsonObject { ["_class_name"] = text.DeepClone() } : [];
            }
            scheduler[pair.Key] = pair.Value;
        }
    }

    private static void SetOutput(JsonObject json, string? format, string? quality, ImageFormat? named, List<FieldFault> faults)
    {
        if (format is null && quality is null && named is null)
        {
            return;
        }
        if (json["output"] is not JsonObject output)
        {
            json["output"] = output = [];
        }
        if (format is "jpg")
        {
            format = "jpeg";
        }
        string? byName = named?.ToString().ToLowerInvariant();
        if (format is not null && byName is not null && format != byName)
        {
            faults.Add(new FieldFault("--format", $"is {format}, but the file name of --output is for {byName}"));
        }
        Set(output, "format", format ?? byName);
        SetNumber(output, "quality", quality);
    }

    /// <summary>Returns the folder of the request file; the current one without a file.</summary>
    private static string FolderOf(string? requestFile) =>
        string.IsNullOrEmpty(requestFile) ? "" : Path.GetDirectoryName(Path.GetFullPath(requestFile)) ?? "";

    private static string ReadStandardInput()
    {
        const int Max = 4 * GenerationRequest.MaxPromptLength + 4096;
        using Stream input = Console.OpenStandardInput();
        var buffer = new byte[Max];
        int read = input.ReadAtLeast(buffer, Max, throwOnEndOfStream: false);
        if (read == Max)
        {
            throw new FieldFaultException(
                new FieldFault("PROMPT", $"on standard input is longer than {GenerationRequest.MaxPromptLength} characters"));
        }
        try
        {
            return Encoding.UTF8.GetString(Utf8Text.Checked(buffer.AsMemory(0, read)).Span).TrimEnd('\r', '\n');
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("PROMPT", "on standard input " + exception.Message));
        }
    }
}
