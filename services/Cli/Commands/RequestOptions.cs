using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Inference.Requests;

namespace Brownian.Cli.Commands;

/// <summary>The options of <c>generate</c> that are fields of the request, laid over a request file or over a picture's settings; those of <c>upscale</c> and <c>interpolate</c>.</summary>
/// <param name="kind">Whose they are.</param>
internal sealed class RequestOptions(PictureCommand kind = PictureCommand.Generate)
{
    private readonly Argument<string> _image = new("IMAGE") { Description = "A picture: PNG, JPEG, WebP or GIF" };
    private readonly Option<string?> _promptOption = new("--prompt") { Description = "What is in the picture, for models that read prompts; - reads it from standard input; nothing when not given", HelpName = "TEXT" };
    private readonly Option<string?> _tile = new("--tile") { Description = "The side of tiles in the picture's pixels, 0..8192: 0 for none; by the model when not given", HelpName = "N" };
    private readonly Option<string?> _tileOverlap = new("--tile-overlap") { Description = "Pixels that neighbouring tiles have in common at least, up to half of a tile", HelpName = "N" };
    private readonly Option<string?> _noiseLevel = new("--noise-level") { Description = "The level that the picture is noised to first, 0..999, for models that do", HelpName = "N" };
    private readonly Argument<string> _first = new("FIRST") { Description = "Where the frames begin: a prompt, or a picture's file" };
    private readonly Argument<string> _second = new("SECOND") { Description = "Where they end: a prompt, or a picture's file" };
    private readonly Option<string?> _frames = new("--frames") { Description = "How many, both ends counted, 2..240; 9 when not given", HelpName = "N" };
    private readonly Argument<string?> _prompt = new("PROMPT")
    {
        Description = "What to draw; - reads it from standard input",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<FileInfo?> _request = new("--request") { Description = "A request as a JSON file; options beside it replace its fields", HelpName = "FILE" };
    private readonly Option<FileInfo?> _like = new("--like") { Description = "A picture whose settings are the request; options beside it replace them", HelpName = "FILE" };
    private readonly Option<string?> _negative = new("--negative") { Description = "What to keep away from", HelpName = "TEXT" };
    private readonly Option<string?> _initImage = new("--init-image") { Description = "A picture to begin at", HelpName = "FILE" };
    private readonly Option<string?> _mask = new("--mask") { Description = "A picture, white where the one to begin at is made anew", HelpName = "FILE" };
    private readonly Option<string[]> _controlImage = new("--control-image") { Description = "A picture for a ControlNet; repeated, one each", HelpName = "FILE", DefaultValueFactory = _ => [] };
    private readonly Option<string[]> _controlNet = new("--controlnet") { Description = "A ControlNet of the model, one by its name in the folders of adapters, or a path to one; repeated, one a picture; the model's own when not given", HelpName = "NAME", DefaultValueFactory = _ => [] };
    private readonly Option<string[]> _controlScale = new("--control-scale") { Description = "How much the ControlNets are heard, 0..10; repeated, one each", HelpName = "X", DefaultValueFactory = _ => [] };
    private readonly Option<string?> _controlPreprocess = new("--control-preprocess") { Description = "What is made of the pictures for ControlNets first: none or canny", HelpName = "NAME" };
    private readonly Option<bool?> _guessMode = new("--guess-mode") { Description = "Let the prompt's pass alone hear the ControlNets, and deep layers more" };
    private readonly Option<string?> _strength = new("--strength") { Description = "How far from the picture to go, 0..1", HelpName = "X" };
    private readonly Option<string?> _paddingMaskCrop = new("--padding-mask-crop") { Description = "Make only the part around the mask and so many pixels more, at full size", HelpName = "N" };
    private readonly Option<string?> _prompt2 = new("--prompt-2") { Description = "What XL's second text encoder is given; the prompt when not given", HelpName = "TEXT" };
    private readonly Option<string?> _negative2 = new("--negative-2") { Description = "The same of the negative prompt", HelpName = "TEXT" };
    private readonly Option<string?> _syntax = new("--prompt-syntax") { Description = "plain or a1111: (weights:1.2), [changes:0.5], AND, BREAK", HelpName = "SYNTAX" };
    private readonly Option<string?> _longPrompt = new("--long-prompt") { Description = "What becomes of a prompt beyond the window: truncate or chunk", HelpName = "HOW" };
    private readonly Option<string?> _clipSkip = new("--clip-skip") { Description = "Layers of the text encoders to leave out", HelpName = "N" };
    private readonly Option<string?> _refiner = new("--refiner") { Description = "A refiner that goes on with XL's latents", HelpName = "MODEL" };
    private readonly Option<string?> _refinerStart = new("--refiner-start") { Description = "Where the refiner takes over, 0..1; 0.8 when not given", HelpName = "X" };
    private readonly Option<string[]> _loras = new("--lora")
    {
        Description = "A LoRA, and how much of it, -10..10; can be repeated",
        HelpName = "FILE[:WEIGHT]",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _inversions = new("--textual-inversion")
    {
        Description = "A textual inversion, and what it is called in prompts; can be repeated",
        HelpName = "FILE[:TOKEN]",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _subseed = new("--subseed") { Description = "A seed that the noise is moved towards; random when not given", HelpName = "N" };
    private readonly Option<string?> _subseedStrength = new("--subseed-strength") { Description = "How far, 0..1", HelpName = "X" };
    private readonly Option<string?> _hires = new("--hires") { Description = "A second pass that much larger, 1..4; --set hires={...} says more", HelpName = "SCALE" };
    private readonly Option<bool?> _tiling = new("--vae-tiling")
    {
        Description = kind == PictureCommand.Upscale ? "Decode in tiles; where the picture is made larger in tiles when not given" : "Encode and decode in tiles; above 1536x1536 when not given",
    };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Any other field of the request; can be repeated",
        HelpName = "FIELD=JSON",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _seed = new("--seed") { Description = "0..2^64-1; random when not given", HelpName = "N" };
    private readonly Option<string?> _count = new("--count") { Description = "Pictures, with the seeds N, N + 1, ...", HelpName = "N" };
    private readonly Option<string?> _steps = new("--steps") { Description = "Steps, 1..1000", HelpName = "N" };
    private readonly Option<string?> _guidance = new("--guidance") { Description = "Guidance scale, 0..100; up to 1 is without", HelpName = "X" };
    private readonly Option<string?> _guidanceRescale = new("--guidance-rescale") { Description = "0..1", HelpName = "X" };
    private readonly Option<string?> _eta = new("--eta") { Description = "Noise of DDIM-like steps, 0 and above", HelpName = "X" };
    private readonly Option<string?> _size = new("--size") { Description = "Pixels", HelpName = "WxH" };
    private readonly Option<string?> _scheduler = new("--scheduler") { Description = "A name of \"brownian schedulers list\"", HelpName = "NAME" };
    private readonly Option<string[]> _schedulerOptions = new("--scheduler-option")
    {
        Description = "An option of the scheduler; can be repeated",
        HelpName = "KEY=VALUE",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _noise = new("--noise") { Description = "Which generator the seed means: torch-cpu or torch-cuda", HelpName = "KIND" };
    private readonly Option<string?> _noiseDtype = new("--noise-dtype") { Description = "The type that noise is drawn in: float32, float16 or bfloat16", HelpName = "TYPE" };
    private readonly Option<string?> _format = new("--format") { Description = "png, jpeg or webp", HelpName = "FORMAT" };
    private readonly Option<string?> _quality = new("--quality") { Description = "1..100, for jpeg and webp", HelpName = "N" };

    /// <summary>The picture of --like, once the request is built; null without.</summary>
    public LikedPicture? Like { get; private set; }

    /// <summary>Whether pictures are drawn, so that adapters and stages of cascades can be named.</summary>
    public bool Draws => kind != PictureCommand.Upscale;

    public void AddTo(Command command)
    {
        if (kind == PictureCommand.Interpolate)
        {
            command.Arguments.Add(_first);
            command.Arguments.Add(_second);
            foreach (Option option in (Option[])
                [_frames, _negative, _tiling, _seed, _steps, _guidance, _guidanceRescale, _eta, _size, _scheduler, _schedulerOptions, _noise, _noiseDtype, _format, _quality, _set])
            {
                command.Options.Add(option);
            }
            return;
        }
        if (kind == PictureCommand.Upscale)
        {
            command.Arguments.Add(_image);
            foreach (Option option in (Option[])
                [_promptOption, _negative, _tile, _tileOverlap, _noiseLevel, _tiling, _seed, _count, _steps, _guidance, _guidanceRescale, _eta, _size, _scheduler, _schedulerOptions, _noise, _noiseDtype, _format, _quality, _set])
            {
                command.Options.Add(option);
            }
            return;
        }
        command.Arguments.Add(_prompt);
        foreach (Option option in (Option[])
            [_request, _like, _negative, _prompt2, _negative2, _syntax, _longPrompt, _clipSkip, _initImage, _mask, _strength, _paddingMaskCrop, _controlImage, _controlNet, _controlScale, _controlPreprocess, _guessMode, _refiner, _refinerStart, _loras, _inversions, _subseed, _subseedStrength, _hires, _tiling, _seed, _count, _steps, _guidance, _guidanceRescale, _eta, _size, _scheduler, _schedulerOptions, _noise, _noiseDtype, _format, _quality, _set])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The request as JSON: the file's or the picture's fields with the options' in their place.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="model">What --model says.</param>
    /// <param name="format">The format that the output's name says, where no field does.</param>
    /// <exception cref="FieldFaultException">With every fault.</exception>
    /// <param name="kept">The request of what --from says; null without.</param>
    public JsonObject Build(ParseResult parsed, string? model, ImageFormat? format, JsonObject? kept = null)
    {
        var faults = new List<FieldFault>();
        FileInfo? requestFile = parsed.GetValue(_request), likeFile = parsed.GetValue(_like);
        string? prompt = kind switch { PictureCommand.Upscale => parsed.GetValue(_promptOption), PictureCommand.Generate => parsed.GetValue(_prompt), _ => null };
        if (requestFile is not null && likeFile is not null)
        {
            throw new FieldFaultException(new FieldFault("--like", "cannot be given beside --request"));
        }
        if (kept is not null && (requestFile is not null || likeFile is not null))
        {
            throw new FieldFaultException(new FieldFault("--from", "brings its own request; --request and --like cannot be given beside it"));
        }
        JsonObject json = requestFile is not null ? RequestReader.Parse(ReadAll(requestFile, "--request"))
            : likeFile is not null ? (JsonObject)(Like = LikedPicture.Read(likeFile)).Settings.Request.DeepClone()
            : (JsonObject?)kept?.DeepClone() ?? [];
        string folder = requestFile?.DirectoryName ?? "";
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
        if (kind == PictureCommand.Interpolate)
        {
            SetEnds(json, [parsed.GetValue(_first)!, parsed.GetValue(_second)!], parsed.GetValue(_frames));
        }
        if (kind == PictureCommand.Upscale)
        {
            json["task"] = RequestTask.Upscale;
            json["init_image"] = parsed.GetValue(_image);
            SetNumber(json, "tile", parsed.GetValue(_tile));
            SetNumber(json, "tile_overlap", parsed.GetValue(_tileOverlap));
            SetNumber(json, "noise_level", parsed.GetValue(_noiseLevel));
        }
        Set(json, "negative_prompt", parsed.GetValue(_negative));
        Set(json, "prompt_2", parsed.GetValue(_prompt2));
        Set(json, "negative_prompt_2", parsed.GetValue(_negative2));
        Set(json, "prompt_syntax", parsed.GetValue(_syntax));
        Set(json, "long_prompt", parsed.GetValue(_longPrompt));
        Set(json, "model", model);
        SetNumber(json, "clip_skip", parsed.GetValue(_clipSkip));
        SetTask(json, "init_image", parsed.GetValue(_initImage));
        SetTask(json, "mask", parsed.GetValue(_mask));
        SetNumber(json, "strength", parsed.GetValue(_strength));
        SetNumber(json, "padding_mask_crop", parsed.GetValue(_paddingMaskCrop));
        SetList(json, "control_image", parsed.GetValue(_controlImage), value => JsonValue.Create(value));
        SetList(json, "controlnets", parsed.GetValue(_controlNet), value => JsonValue.Create(value));
        SetList(json, "controlnet_conditioning_scale", parsed.GetValue(_controlScale), OptionText.Number);
        Set(json, "control_preprocess", parsed.GetValue(_controlPreprocess));
        if (parsed.GetValue(_guessMode) is { } guesses)
        {
            json["guess_mode"] = guesses;
        }
        SetFiles(json, "loras", "weight", parsed.GetValue(_loras) ?? [], OptionText.Number);
        SetFiles(json, "textual_inversions", "token", parsed.GetValue(_inversions) ?? [], text => text);
        SetNumber(json, "subseed", parsed.GetValue(_subseed));
        SetNumber(json, "subseed_strength", parsed.GetValue(_subseedStrength));
        if (parsed.GetValue(_hires) is { } larger)
        {
            json["hires"] = new JsonObject { ["scale"] = OptionText.Number(larger) };
        }
        if (parsed.GetValue(_tiling) is { } tiling)
        {
            json["vae_tiling"] = tiling;
        }
        SetSeeds(json, parsed.GetValue(_seed), parsed.GetValue(_count));
        if (parsed.GetValue(_steps) is not null)
        {
            json.Remove("timesteps");
        }
        SetNumber(json, "steps", parsed.GetValue(_steps));
        SetNumber(json, "guidance_scale", parsed.GetValue(_guidance));
        SetNumber(json, "guidance_rescale", parsed.GetValue(_guidanceRescale));
        SetRefiner(json, parsed.GetValue(_refiner), parsed.GetValue(_refinerStart), faults);
        SetNumber(json, "eta", parsed.GetValue(_eta));
        if (OptionText.Size(parsed.GetValue(_size), "--size", faults) is { } size)
        {
            json["width"] = size.Width;
            json["height"] = size.Height;
        }
        SetScheduler(json, parsed.GetValue(_scheduler), parsed.GetValue(_schedulerOptions) ?? [], faults);
        Set(json, "noise", parsed.GetValue(_noise));
        Set(json, "noise_dtype", parsed.GetValue(_noiseDtype));
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
        Like?.Check(json, faults);
        // Variations and previews have no prompt, and what makes pictures larger needs none.
        bool needsPrompt = json["interpolate"] is null && (json["task"] as JsonValue)?.ToString() is not (RequestTask.Variation or RequestTask.Preview or RequestTask.Upscale);
        if (prompt is null && requestFile is null && likeFile is null && kept is null && needsPrompt)
        {
            faults.Add(new FieldFault("PROMPT", "is missing; allowed: text (\"\" for an empty prompt), - for standard input, or --request FILE"));
        }
        return faults.Count == 0 ? json : throw new FieldFaultException(faults);
    }

    /// <summary>What names of files are made of; null for the prompt.</summary>
    public string? NameOf(ParseResult parsed) => kind switch
    {
        PictureCommand.Upscale => Path.GetFileNameWithoutExtension(parsed.GetValue(_image)) + " upscaled",
        PictureCommand.Interpolate => $"{Path.GetFileNameWithoutExtension(parsed.GetValue(_first))} to {Path.GetFileNameWithoutExtension(parsed.GetValue(_second))}",
        _ => null,
    };

    /// <summary>The files that the request names.</summary>
    public RequestFiles Files(ParseResult parsed) => new(parsed.GetValue(_request)?.DirectoryName ?? "");

    /// <summary>Where one end is a picture's file, or is named as one, both are pictures; otherwise they are prompts.</summary>
    private static void SetEnds(JsonObject json, string[] ends, string? frames)
    {
        const int UsualFrames = 9;
        bool arePictures = ends.Any(IsPicture);
        json["interpolate"] = new JsonObject
        {
            [arePictures ? "images" : "prompts"] = new JsonArray([.. ends.Select(end => JsonValue.Create(end))]),
            ["frames"] = frames is null ? UsualFrames : OptionText.Number(frames),
        };
        if (arePictures)
        {
            json["task"] = RequestTask.Variation;
        }
    }

    private static bool IsPicture(string end) =>
        File.Exists(end) || Path.GetExtension(end).ToUpperInvariant() is ".PNG" or ".JPG" or ".JPEG" or ".WEBP" or ".GIF";

    /// <summary>A picture says another task than the one that a request file was written for.</summary>
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

    private static void SetFiles(JsonObject json, string field, string other, string[] files, Func<string, JsonNode?> read)
    {
        if (files.Length == 0)
        {
            return;
        }
        var list = new JsonArray();
        foreach (string file in files)
        {
            int colon = file.LastIndexOf(':');
            // A drive's colon stands before a path.
            bool hasOther = colon > 0 && file.IndexOfAny(['/', '\\'], colon) < 0;
            list.Add(hasOther ? new JsonObject { ["file"] = file[..colon], [other] = read(file[(colon + 1)..]) } : new JsonObject { ["file"] = file });
        }
        json[field] = list;
    }

    /// <summary>The first model stops where the second one takes over.</summary>
    private static void SetRefiner(JsonObject json, string? model, string? start, List<FieldFault> faults)
    {
        const string Usual = "0.8";
        if (model is null)
        {
            if (start is not null)
            {
                faults.Add(new FieldFault("--refiner-start", "needs --refiner"));
            }
            return;
        }
        JsonNode share = OptionText.Number(start ?? Usual);
        json["denoising_end"] = share;
        json["refiner"] = new JsonObject { ["model"] = model, ["denoising_start"] = share.DeepClone() };
        foreach (string shared in (string[])["steps", "guidance_scale"])
        {
            json["refiner"]![shared] = json[shared]?.DeepClone();
        }
    }

    /// <summary>A folder named in a request file may be meant from the file's place.</summary>
    private static bool IsRelativeFolder(string folder, string? path) =>
        path is not null && path.Contains('/', StringComparison.Ordinal) && !Path.IsPathRooted(path) && !Directory.Exists(path) && Directory.Exists(Path.Combine(folder, path));

    private static void Set(JsonObject json, string field, string? value)
    {
        if (value is not null)
        {
            json[field] = value;
        }
    }

    private static void SetList(JsonObject json, string field, string[]? values, Func<string, JsonNode> read)
    {
        if (values is { Length: > 0 })
        {
            json[field] = new JsonArray([.. values.Select(read)]);
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
        // Counting goes on from the first seed of a request.
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
            // Another scheduler has other options: the request's belong to the one it named.
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
            faults.Add(new FieldFault("--format", $"is {format}, but the output's name says {byName}"));
        }
        Set(output, "format", format ?? byName);
        SetNumber(output, "quality", quality);
    }

    /// <summary>A file's bytes.</summary>
    /// <exception cref="FieldFaultException">It cannot be read.</exception>
    internal static byte[] ReadAll(FileInfo file, string option)
    {
        try
        {
            return File.ReadAllBytes(file.FullName);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault(option, $"{file} cannot be read: {exception.Message}"));
        }
    }

    private static string ReadStandardInput()
    {
        const int Most = 4 * GenerationRequest.LongestPrompt + 4096;
        using Stream input = Console.OpenStandardInput();
        var buffer = new byte[Most];
        int read = input.ReadAtLeast(buffer, Most, throwOnEndOfStream: false);
        if (read == Most)
        {
            throw new FieldFaultException(new FieldFault("PROMPT", $"on standard input is longer than {GenerationRequest.LongestPrompt} characters"));
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
