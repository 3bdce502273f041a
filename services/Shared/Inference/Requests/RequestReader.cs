using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedules;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Prompts;

namespace Brownian.Inference.Requests;

/// <summary>Reads a request from JSON. Every fault is found, each with the field's name, the value and what is allowed.</summary>
public static class RequestReader
{
    /// <summary>The most levels of objects and lists in a request's JSON.</summary>
    private const int MaxDepth = 64;

    /// <summary>The longest name of an adapter's file.</summary>
    private const int LongestFile = 4096;

    /// <summary>The longest name of a picture: one within the request itself is long.</summary>
    private const int LongestImage = 96 << 20;

    /// <summary>Fields of the vocabulary that no family knows; null, or what <see cref="NeutralValues"/> says, means nothing.</summary>
    private static readonly string[] Foreign = ["from", "deadline", "idempotency_key", "priority", "labels", "detach", "direct"];

    /// <summary>The most stages of a cascade.</summary>
    private const int MostStages = 3;

    /// <summary>What the stages of a cascade have in common.</summary>
    private static readonly string[] SharedByStages =
    [
        "prompt", "negative_prompt", "prompt_2", "negative_prompt_2", "prompt_3", "negative_prompt_3", "max_sequence_length", "seeds", "seed", "count", "noise", "noise_dtype", "output", "preview",
    ];

    /// <summary>What only a cascade's first stage is given.</summary>
    private static readonly string[] OfFirstStage = ["task", "init_image", "mask", "strength"];

    /// <summary>What a stage's block says for itself.</summary>
    private static readonly string[] StageFields =
        ["width", "height", "steps", "timesteps", "scheduler", "guidance_scale", "guidance_rescale", "guidance_interval", "guidance_method", "pag_scale", "eta", "noise_level", "strength", "vae_tiling", "tile", "tile_overlap"];

    private static readonly string[] Known =
    [
        "task", "model", "prompt", "negative_prompt", "prompt_2", "negative_prompt_2", "prompt_syntax", "long_prompt", "clip_skip", "init_image", "mask", "init_latents", "latents",
        "strength", "padding_mask_crop", "image_guidance_scale", "width", "height", "seeds", "seed", "count", "steps", "timesteps",
        "original_inference_steps", "denoising_start", "denoising_end", "scheduler", "guidance_scale", "guidance_rescale", "eta",
        "original_size", "crops_coords_top_left", "target_size", "negative_original_size", "negative_crops_coords_top_left",
        "negative_target_size", "aesthetic_score", "negative_aesthetic_score", "refiner", "loras", "textual_inversions", "subseed", "subseed_strength", "hires", "vae_tiling", "noise", "noise_dtype", "output", "preview",
        "control_image", "controlnets", "controlnet_conditioning_scale", "control_guidance_start", "control_guidance_end", "guess_mode", "control_preprocess",
        "prompt_3", "negative_prompt_3", "max_sequence_length", "true_cfg_scale", "noise_level", "prior_steps", "decoder_steps", "super_res_steps", "prior_guidance_scale", "decoder_guidance_scale",
        "guidance_interval", "guidance_method", "pag_scale", "stage_1", "stage_2", "stage_3", "stage_2_seed_offset", "stage_3_seed_offset", "stop_after", "interpolate", "tile", "tile_overlap",
    ];

    /// <summary>What a refiner's block says for itself; everything else is the request's own.</summary>
    private static readonly string[] RefinerFields =
    [
        "model", "steps", "timesteps", "scheduler", "guidance_scale", "guidance_rescale", "eta", "prompt_2", "negative_prompt_2", "clip_skip",
        "denoising_start", "denoising_end", "original_size", "crops_coords_top_left", "target_size", "negative_original_size",
        "negative_crops_coords_top_left", "negative_target_size", "aesthetic_score", "negative_aesthetic_score", "strength",
    ];

    /// <summary>Whether a field is said by a cascade's stages, each for itself.</summary>
    internal static bool IsStageField(string field) => StageFields.Contains(field);

    /// <summary>Reads a request's text.</summary>
    /// <param name="json">UTF-8.</param>
    /// <returns>The object, not yet read as a request: options may still be laid over it.</returns>
    /// <exception cref="FieldFaultException">It is not a JSON object, or names a field twice.</exception>
    public static JsonObject Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            json = Utf8Text.Checked(json);
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new FieldFaultException(new FieldFault("request", $"is a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}; allowed: an object"));
            }
            var faults = new List<FieldFault>();
            CheckText(document.RootElement, "", faults);
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            return JsonObject.Create(document.RootElement.Clone())!;
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("request", exception.Message));
        }
        catch (JsonException exception)
        {
            string what = IsTooDeep(json.Span) ? $"is nested too deep; allowed: up to {MaxDepth} levels, exceeded in" : "is not valid JSON:";
            throw new FieldFaultException(new FieldFault(
                "request", string.Create(CultureInfo.InvariantCulture, $"{what} line {exception.LineNumber + 1}, position {exception.BytePositionInLine + 1}")));
        }
    }

    /// <summary>Whether a text is JSON as far as it can be read, and too many levels are all that is wrong up to there.</summary>
    private static bool IsTooDeep(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth >= MaxDepth)
                {
                    return true;
                }
            }
        }
        catch (JsonException)
        {
            // Something else is wrong before the levels are too many.
        }
        return false;
    }

    /// <summary>Whether JSON holds texts that are Unicode alone, and no field twice.</summary>
    internal static bool IsText(JsonElement element)
    {
        var faults = new List<FieldFault>();
        CheckText(element, "", faults);
        return faults.Count == 0;
    }

    /// <summary>Finds texts that are not Unicode and fields that are given twice, at any depth.</summary>
    private static void CheckText(JsonElement element, string path, List<FieldFault> faults)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var seen = new HashSet<string>(StringComparer.Ordinal);
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    string name;
                    try
                    {
                        name = property.Name;
                    }
                    catch (InvalidOperationException)
                    {
                        faults.Add(new FieldFault(path.Length == 0 ? "request" : path, "has a field whose name is not valid Unicode"));
                        continue;
                    }
                    string inner = path.Length == 0 ? name : $"{path}.{name}";
                    if (!seen.Add(name))
                    {
                        faults.Add(new FieldFault(inner, "is given twice"));
                    }
                    CheckText(property.Value, inner, faults);
                }
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    CheckText(item, path, faults);
                }
                break;
            case JsonValueKind.String:
                try
                {
                    element.GetString();
                }
                catch (InvalidOperationException)
                {
                    faults.Add(new FieldFault(path, "is not valid Unicode: half of a surrogate pair stands alone"));
                }
                break;
        }
    }

    /// <summary>Reads a request.</summary>
    /// <exception cref="FieldFaultException">With every fault.</exception>
    public static GenerationRequest Read(JsonObject json) => json["model"] is JsonArray { Count: > 0 } models ? ReadCascade(json, models) : ReadOne(json);

    /// <summary>A request to one model, or to the first stage of a cascade.</summary>
    private static GenerationRequest ReadOne(JsonObject json)
    {
        var reader = new Fields(json);
        var foreign = new List<string>();
        foreach ((string name, JsonNode? value) in json)
        {
            if (Known.Contains(name))
            {
                continue;
            }
            if (!Foreign.Contains(name))
            {
                reader.Faults.Add(new FieldFault(name, $"is not a field of a request; known: {string.Join(", ", Known)}"));
            }
            else if (value is not null && !NeutralValues.Contains(name, value))
            {
                foreign.Add(name);
            }
        }
        IReadOnlyList<ulong>? seeds = reader.List("seeds", JsonNumber.UInt64, "whole numbers " + JsonNumber.UInt64Range, GenerationRequest.MostPictures);
        ulong? seed = reader.Value("seed", JsonNumber.UInt64, JsonNumber.UInt64Range);
        int? count = reader.Integer("count", 1, GenerationRequest.MostPictures);
        if (seeds is not null && (seed is not null || count is not null))
        {
            reader.Faults.Add(new FieldFault("seeds", "says the pictures; seed and count cannot be given beside it"));
        }
        if (seed is { } last && last > ulong.MaxValue - (ulong)((count ?? 1) - 1))
        {
            reader.Faults.Add(FieldFault.Of("seed", last, $"at most {ulong.MaxValue - (ulong)(count!.Value - 1)} with {count} pictures"));
        }
        else if (seed is { } first)
        {
            seeds = [.. Enumerable.Range(0, count ?? 1).Select(i => first + (ulong)i)];
        }
        var request = new GenerationRequest
        {
            Given = [.. json.Where(field => field.Value is not null && !NeutralValues.Contains(field.Key, field.Value)).Select(field => field.Key)],
            Task = reader.Word("task", [.. RequestTask.All]) ?? TaskOf(json),
            Model = reader.Text("model", 4096),
            Prompt = reader.Text("prompt", GenerationRequest.LongestPrompt),
            NegativePrompt = reader.Text("negative_prompt", GenerationRequest.LongestPrompt),
            Prompt2 = reader.Text("prompt_2", GenerationRequest.LongestPrompt),
            NegativePrompt2 = reader.Text("negative_prompt_2", GenerationRequest.LongestPrompt),
            Prompt3 = reader.Text("prompt_3", GenerationRequest.LongestPrompt),
            NegativePrompt3 = reader.Text("negative_prompt_3", GenerationRequest.LongestPrompt),
            MaxSequenceLength = reader.Integer("max_sequence_length", 1, 4096),
            TrueCfgScale = reader.Number("true_cfg_scale", 0, 100),
            NoiseLevel = reader.Integer("noise_level", 0, 999),
            PriorSteps = reader.Integer("prior_steps", 1, 1000),
            DecoderSteps = reader.Integer("decoder_steps", 1, 1000),
            SuperResSteps = reader.Integer("super_res_steps", 1, 1000),
            PriorGuidanceScale = reader.Number("prior_guidance_scale", 0, 100),
            DecoderGuidanceScale = reader.Number("decoder_guidance_scale", 0, 100),
            StopAfter = reader.Text("stop_after", 64),
            PromptSyntax = reader.Word("prompt_syntax", ["plain", "a1111"]) == "a1111" ? PromptSyntax.A1111 : PromptSyntax.Plain,
            LongPrompt = reader.Word("long_prompt", ["truncate", "chunk"]) == "chunk",
            ClipSkip = reader.Integer("clip_skip", 0, 100),
            InitImage = reader.Text("init_image", LongestImage),
            Mask = reader.Text("mask", LongestImage),
            InitLatents = reader.Text("init_latents", LongestImage),
            Latents = reader.Text("latents", LongestImage),
            ControlImages = reader.Texts("control_image", LongestImage, GenerationRequest.MostControls) ?? [],
            ControlNets = reader.Texts("controlnets", LongestFile, GenerationRequest.MostControls)?.Select(name => new ControlNetReference(name)).ToArray(),
            ControlScales = reader.Numbers("controlnet_conditioning_scale", 0, 10, GenerationRequest.MostControls),
            ControlStarts = reader.Numbers("control_guidance_start", 0, 1, GenerationRequest.MostControls),
            ControlEnds = reader.Numbers("control_guidance_end", 0, 1, GenerationRequest.MostControls),
            GuessMode = reader.Value("guess_mode", Truth, "true or false") ?? false,
            ControlPreprocess = reader.Word("control_preprocess", ControlPreprocess.All) ?? ControlPreprocess.None,
            Strength = reader.Number("strength", 0, 1),
            PaddingMaskCrop = reader.Integer("padding_mask_crop", 0, GenerationRequest.LargestSide),
            ImageGuidanceScale = reader.Number("image_guidance_scale", 1, 100),
            // The reference takes a share of 0 for none (denoising_value_valid of pipeline_stable_diffusion_xl_img2img.py).
            DenoisingStart = reader.Number("denoising_start", 0, 1) is > 0 and { } start ? start : null,
            DenoisingEnd = reader.Number("denoising_end", 0, 1),
            OriginalSize = ReadPair(reader, "original_size"),
            CropsCoordsTopLeft = ReadPair(reader, "crops_coords_top_left"),
            TargetSize = ReadPair(reader, "target_size"),
            NegativeOriginalSize = ReadPair(reader, "negative_original_size"),
            NegativeCropsCoordsTopLeft = ReadPair(reader, "negative_crops_coords_top_left"),
            NegativeTargetSize = ReadPair(reader, "negative_target_size"),
            AestheticScore = reader.Number("aesthetic_score", 0, 10),
            NegativeAestheticScore = reader.Number("negative_aesthetic_score", 0, 10),
            OriginalInferenceSteps = reader.Integer("original_inference_steps", 1, 1000),
            Refiner = ReadRefiner(reader),
            Adapters = ReadAdapters(reader),
            Subseed = reader.Value("subseed", JsonNumber.UInt64, JsonNumber.UInt64Range),
            SubseedStrength = reader.Number("subseed_strength", 0, 1) ?? 0,
            Hires = ReadHires(reader),
            Interpolate = ReadInterpolation(reader),
            Tile = reader.Integer("tile", 0, GenerationRequest.LargestSide),
            TileOverlap = reader.Integer("tile_overlap", 0, GenerationRequest.LargestSide / 2),
            VaeTiling = reader.Value("vae_tiling", Truth, "true or false"),
            Width = reader.Integer("width", GenerationRequest.SmallestSide, GenerationRequest.LargestSide),
            Height = reader.Integer("height", GenerationRequest.SmallestSide, GenerationRequest.LargestSide),
            Seeds = seeds,
            Count = count ?? 1,
            Steps = reader.Integer("steps", 1, 1000),
            Timesteps = ReadTimesteps(reader),
            Scheduler = ReadScheduler(reader),
            GuidanceScale = reader.Number("guidance_scale", 0, 100),
            GuidanceRescale = reader.Number("guidance_rescale", 0, 1),
            GuidanceMethod = reader.Word("guidance_method", ["cfg", "cfg++"]) == "cfg++" ? GuidanceMethod.CfgPlusPlus : GuidanceMethod.Cfg,
            GuidanceInterval = ReadInterval(reader),
            PagScale = reader.Number("pag_scale", 0, 100) ?? 0,
            Eta = reader.Number("eta", 0, 100) ?? 0,
            Noise = reader.Word("noise", [.. NoiseWords.Kinds.Keys]) is { } kind ? NoiseWords.Kinds[kind] : NoiseKind.TorchCpu,
            NoiseDtype = reader.Word("noise_dtype", [.. NoiseWords.Dtypes.Keys]) is { } dtype ? NoiseWords.Dtypes[dtype] : NoiseDtype.Float32,
            Output = ReadOutput(reader),
            Preview = ReadPreview(reader),
            Foreign = foreign,
        };
        return reader.Faults.Count == 0 ? request : throw new FieldFaultException(reader.Faults);
    }

    /// <summary>A cascade: its models in order, what they share, and a block for each stage.</summary>
    private static GenerationRequest ReadCascade(JsonObject json, JsonArray models)
    {
        var faults = new List<FieldFault>();
        if (models.Count > MostStages || models.Any(model => model?.GetValueKind() != JsonValueKind.String))
        {
            throw new FieldFaultException("model", models, $"a name, or a list of up to {MostStages} names: a cascade's stages in order");
        }
        string[] blocks = [.. Enumerable.Range(1, models.Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"stage_{i}"))];
        string[] known = ["model", "stop_after", .. SharedByStages, .. OfFirstStage, .. blocks, .. blocks.Skip(1).Select(block => block + "_seed_offset")];
        foreach ((string name, JsonNode? value) in json)
        {
            if (!known.Contains(name) && value is not null && !NeutralValues.Contains(name, value))
            {
                string where = StageFields.Contains(name) ? $"is a stage's own; allowed: within {string.Join(", ", blocks)}"
                    : Known.Contains(name) || Foreign.Contains(name) ? "is not known to cascades"
                    : $"is not a field of a request; known: {string.Join(", ", known)}";
                faults.Add(new FieldFault(name, where));
            }
        }
        var stages = new List<GenerationRequest>();
        for (int i = 0; i < blocks.Length; i++)
        {
            var whole = new JsonObject { ["model"] = models[i]!.DeepClone() };
            foreach (string shared in (string[])[.. SharedByStages, .. i == 0 ? OfFirstStage : []])
            {
                if (json[shared] is { } value)
                {
                    whole[shared] = value.DeepClone();
                }
            }
            if (i > 0)
            {
                whole["task"] = RequestTask.Upscale;
            }
            if (json[blocks[i]] is not null and not JsonObject)
            {
                faults.Add(FieldFault.Of(blocks[i], json[blocks[i]], $"an object with {string.Join(", ", StageFields)}"));
            }
            foreach ((string name, JsonNode? value) in json[blocks[i]] as JsonObject ?? [])
            {
                if (!StageFields.Contains(name))
                {
                    faults.Add(new FieldFault($"{blocks[i]}.{name}", $"is not a field of a stage; known: {string.Join(", ", StageFields)}"));
                    continue;
                }
                whole[name] = value?.DeepClone();
            }
            try
            {
                GenerationRequest stage = ReadOne(whole);
                int offset = i == 0 ? 0 : new Fields(json, "", faults).Integer(blocks[i] + "_seed_offset", 0, int.MaxValue) ?? 0;
                // A model that does not know what all stages share is not told of it.
                stages.Add(stage with { SeedOffset = offset, Given = i == 0 ? stage.Given : [.. stage.Given.Except(SharedByStages)] });
            }
            catch (FieldFaultException exception)
            {
                // What is shared is said once, by the first stage.
                faults.AddRange(exception.Faults
                    .Where(fault => i == 0 || StageFields.Contains(fault.Field))
                    .Select(fault => StageFields.Contains(fault.Field) ? new FieldFault($"{blocks[i]}.{fault.Field}", fault.Message) : fault));
            }
        }
        string? stop = new Fields(json, "", faults).Word("stop_after", [.. Enumerable.Range(1, models.Count - 1).Select(i => string.Create(CultureInfo.InvariantCulture, $"stage-{i}"))]);
        return faults.Count == 0 ? stages[0] with { Further = [.. stages.Skip(1)], StopAfter = stop } : throw new FieldFaultException(faults);
    }

    private static InterpolationSettings? ReadInterpolation(Fields reader)
    {
        if (reader.Json["interpolate"] is not { } node)
        {
            return null;
        }
        if (node is not JsonObject json)
        {
            return reader.Fault<InterpolationSettings>("interpolate", node, "an object with prompts or images, two of them, and frames");
        }
        var fields = new Fields(json, "interpolate.", reader.Faults);
        foreach ((string name, _) in json)
        {
            if (name is not ("prompts" or "images" or "frames"))
            {
                reader.Faults.Add(new FieldFault("interpolate." + name, "is not a field of a request; known: prompts, images, frames"));
            }
        }
        IReadOnlyList<string>? prompts = fields.Texts("prompts", GenerationRequest.LongestPrompt, 2), images = fields.Texts("images", LongestImage, 2);
        if ((prompts ?? images)?.Count is not 2 || (prompts is not null && images is not null))
        {
            reader.Faults.Add(new FieldFault("interpolate", "needs prompts or images, two of them; not both"));
        }
        int? frames = fields.Integer("frames", InterpolationSettings.FewestFrames, InterpolationSettings.MostFrames);
        if (json["frames"] is null)
        {
            reader.Faults.Add(new FieldFault("interpolate.frames", $"is missing; allowed: {InterpolationSettings.FewestFrames}..{InterpolationSettings.MostFrames}"));
        }
        return new InterpolationSettings { Prompts = prompts, Images = images, Frames = frames ?? InterpolationSettings.FewestFrames };
    }

    private static IReadOnlyList<double>? ReadInterval(Fields reader)
    {
        const string Allowed = "[start, end], two numbers 0..1 of which the first is the smaller one";
        return reader.Json["guidance_interval"] is not { } node ? null
            : node is JsonArray { Count: 2 } pair && pair[0] is { } first && pair[1] is { } second && JsonNumber.Double(first) is >= 0 and var start && JsonNumber.Double(second) is <= 1 and var end && start < end
            ? [start, end]
            : reader.Fault<IReadOnlyList<double>>("guidance_interval", node, Allowed);
    }

    /// <summary>A list of timesteps, or the name of one.</summary>
    private static IReadOnlyList<double>? ReadTimesteps(Fields reader) =>
        reader.Json["timesteps"] is JsonValue name && name.GetValueKind() == JsonValueKind.String
            ? reader.Word("timesteps", [.. NamedTimesteps.All.Keys]) is { } known ? NamedTimesteps.All[known] : null
            : reader.List<double>("timesteps", element => JsonNumber.Double(element) is { } t && t >= 0 ? t : null, "decreasing numbers of 0 and above", 1000);

    private static bool? Truth(JsonNode node) => node.GetValueKind() switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null };

    /// <summary>What the pictures given ask for.</summary>
    private static string TaskOf(JsonObject json) =>
        json["mask"] is not null ? RequestTask.Inpaint
        : json["interpolate"]?["images"] is not null ? RequestTask.Variation
        : json["init_image"] is not null || json["init_latents"] is not null ? RequestTask.ImageToImage
        : json["latents"] is not null ? RequestTask.Preview
        : RequestTask.TextToImage;

    private static AdapterReferences? ReadAdapters(Fields reader)
    {
        LoraReference[] loras = ReadFiles(reader, "loras", "weight", AdapterReferences.MostLoras, fields => new LoraReference(fields.Text("file", LongestFile) ?? "", fields.Number("weight", -10, 10) ?? 1));
        InversionReference[] inversions = ReadFiles(
            reader, "textual_inversions", "token", AdapterReferences.MostInversions, fields => new InversionReference(fields.Text("file", LongestFile) ?? "", fields.Text("token", TextualInversion.LongestToken)));
        return loras.Length + inversions.Length == 0 ? null : new AdapterReferences { Loras = loras, TextualInversions = inversions };
    }

    /// <summary>A list of files, each with one field more.</summary>
    private static T[] ReadFiles<T>(Fields reader, string name, string other, int most, Func<Fields, T> read)
    {
        if (reader.Json[name] is not { } node)
        {
            return [];
        }
        if (node is not JsonArray array || array.Count > most)
        {
            reader.Fault<T>(name, node is JsonArray many ? JsonValue.Create($"{many.Count} files") : node, $"a list of up to {most} objects with file and {other}");
            return [];
        }
        var files = new List<T>();
        for (int i = 0; i < array.Count; i++)
        {
            string field = string.Create(CultureInfo.InvariantCulture, $"{name}[{i}]");
            if (array[i] is not JsonObject json)
            {
                reader.Faults.Add(FieldFault.Of(field, array[i], $"an object with file and {other}"));
                continue;
            }
            foreach ((string unknown, _) in json.Where(entry => entry.Key != "file" && entry.Key != other))
            {
                reader.Faults.Add(new FieldFault($"{field}.{unknown}", $"is not a field of a request; known: file, {other}"));
            }
            if (json["file"] is null || json["file"]!.GetValueKind() == JsonValueKind.String && json["file"]!.GetValue<string>().Length == 0)
            {
                reader.Faults.Add(new FieldFault(field + ".file", "is missing; allowed: a file's name"));
            }
            files.Add(read(new Fields(json, field + ".", reader.Faults)));
        }
        return [.. files];
    }

    private static IReadOnlyList<int>? ReadPair(Fields reader, string name)
    {
        const string Allowed = "two whole numbers 0..16384: height and width, or top and left";
        if (reader.Json[name] is not { } node)
        {
            return null;
        }
        return node is JsonArray { Count: 2 } pair && pair.All(side => side is not null && JsonNumber.Double(side) is >= 0 and <= 16384 and double number && number == Math.Floor(number))
            ? [.. pair.Select(side => (int)JsonNumber.Double(side!)!.Value)]
            : reader.Fault<IReadOnlyList<int>>(name, node, Allowed);
    }

    /// <summary>The second call: its own fields, and the request's prompt, sizes, seeds and noise.</summary>
    private static GenerationRequest? ReadRefiner(Fields reader)
    {
        if (reader.Json["refiner"] is not { } node)
        {
            return null;
        }
        if (node is not JsonObject own)
        {
            return reader.Fault<GenerationRequest>("refiner", node, "an object with model, steps, denoising_start, ...");
        }
        foreach ((string name, _) in own)
        {
            if (!RefinerFields.Contains(name))
            {
                reader.Faults.Add(new FieldFault("refiner." + name, $"is not a field of a refiner; known: {string.Join(", ", RefinerFields)}"));
            }
        }
        var whole = new JsonObject { ["task"] = RequestTask.ImageToImage };
        foreach (string shared in (string[])["prompt", "negative_prompt", "prompt_syntax", "long_prompt", "width", "height", "seeds", "seed", "count", "noise", "noise_dtype"])
        {
            whole[shared] = reader.Json[shared]?.DeepClone();
        }
        foreach ((string name, JsonNode? value) in own.Where(field => RefinerFields.Contains(field.Key)))
        {
            whole[name] = value?.DeepClone();
        }
        if (own["model"] is null)
        {
            reader.Faults.Add(new FieldFault("refiner.model", "is missing; allowed: a model's name"));
        }
        try
        {
            return Read(whole);
        }
        catch (FieldFaultException exception)
        {
            // What is shared is said once, by the request itself.
            reader.Faults.AddRange(exception.Faults.Where(fault => RefinerFields.Contains(fault.Field.Split('.')[0])).Select(fault => new FieldFault("refiner." + fault.Field, fault.Message)));
            return null;
        }
    }

    private static JsonObject? ReadScheduler(Fields reader) => reader.Json["scheduler"] switch
    {
        null => null,
        JsonObject scheduler => (JsonObject)scheduler.DeepClone(),
        JsonValue name when name.GetValueKind() == JsonValueKind.String => new JsonObject { ["_class_name"] = name.GetValue<string>() },
        JsonNode other => reader.Fault<JsonObject>("scheduler", other, "a name, or an object with _class_name and options"),
    };

    private static PreviewSettings? ReadPreview(Fields reader)
    {
        if (reader.Json["preview"] is not { } node)
        {
            return null;
        }
        if (node is not JsonObject json)
        {
            return reader.Fault<PreviewSettings>("preview", node, "an object with every and size");
        }
        var fields = new Fields(json, "preview.", reader.Faults);
        foreach ((string name, _) in json)
        {
            if (name is not ("every" or "size"))
            {
                reader.Faults.Add(new FieldFault("preview." + name, "is not a field of a request; known: every, size"));
            }
        }
        var settings = new PreviewSettings();
        return new PreviewSettings
        {
            Every = fields.Integer("every", 1, 1000) ?? settings.Every,
            Size = fields.Integer("size", GenerationRequest.SmallestSide, 512) ?? settings.Size,
        };
    }

    private static HiresSettings? ReadHires(Fields reader)
    {
        if (reader.Json["hires"] is not { } node)
        {
            return null;
        }
        if (node is not JsonObject json)
        {
            return reader.Fault<HiresSettings>("hires", node, "an object with scale, or width and height, steps, strength and upscaler");
        }
        var fields = new Fields(json, "hires.", reader.Faults);
        foreach ((string name, _) in json)
        {
            if (name is not ("scale" or "width" or "height" or "steps" or "strength" or "upscaler"))
            {
                reader.Faults.Add(new FieldFault("hires." + name, "is not a field of a request; known: scale, width, height, steps, strength, upscaler"));
            }
        }
        var settings = new HiresSettings
        {
            Scale = fields.Number("scale", 1, 4),
            Width = fields.Integer("width", GenerationRequest.SmallestSide, GenerationRequest.LargestSide),
            Height = fields.Integer("height", GenerationRequest.SmallestSide, GenerationRequest.LargestSide),
            Steps = fields.Integer("steps", 1, 1000),
            Strength = fields.Number("strength", 0, 1),
            Upscaler = fields.Word("upscaler", HiresSettings.Upscalers),
        };
        if (settings.Scale is not null && (settings.Width ?? settings.Height) is not null)
        {
            reader.Faults.Add(new FieldFault("hires.scale", "is given beside a size; only one of them says it"));
        }
        if (settings.Width is null != settings.Height is null)
        {
            reader.Faults.Add(new FieldFault(settings.Width is null ? "hires.width" : "hires.height", "is missing beside the other side"));
        }
        return settings;
    }

    private static OutputSettings ReadOutput(Fields reader)
    {
        if (reader.Json["output"] is null)
        {
            return new OutputSettings();
        }
        if (reader.Json["output"] is not JsonObject json)
        {
            reader.Fault<JsonObject>("output", reader.Json["output"]!, "an object with format, quality and metadata");
            return new OutputSettings();
        }
        var fields = new Fields(json, "output.", reader.Faults);
        foreach ((string name, _) in json)
        {
            if (name is not ("format" or "quality" or "metadata"))
            {
                reader.Faults.Add(new FieldFault("output." + name, "is not a field of a request; known: format, quality, metadata"));
            }
        }
        var settings = new OutputSettings();
        return new OutputSettings
        {
            Format = fields.Word("format", ["png", "jpeg", "webp"]) is { } format ? Enum.Parse<ImageFormat>(format, ignoreCase: true) : settings.Format,
            Quality = fields.Integer("quality", 1, 100) ?? settings.Quality,
            Metadata = fields.Value("metadata", Truth, "true or false") ?? settings.Metadata,
        };
    }

    /// <summary>A JSON object whose fields are read one by one; what cannot be read becomes a fault.</summary>
    private sealed class Fields(JsonObject json, string prefix = "", List<FieldFault>? faults = null)
    {
        public JsonObject Json { get; } = json;

        public List<FieldFault> Faults { get; } = faults ?? [];

        public T? Fault<T>(string name, JsonNode value, string allowed)
        {
            Faults.Add(FieldFault.Of(prefix + name, value, allowed));
            return default;
        }

        public T? Value<T>(string name, Func<JsonNode, T?> read, string allowed)
            where T : struct
        {
            if (Json[name] is not { } node)
            {
                return null;
            }
            return read(node) ?? Fault<T?>(name, node, allowed);
        }

        public int? Integer(string name, int minimum, int maximum) => Value<int>(
            name,
            node => JsonNumber.Double(node) is { } number && Math.Truncate(number) == number && number >= minimum && number <= maximum ? (int)number : null,
            string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}"));

        public double? Number(string name, double minimum, double maximum) => Value<double>(
            name,
            node => JsonNumber.Double(node) is { } number && number >= minimum && number <= maximum ? number : null,
            string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}"));

        /// <summary>One text, or a list of them; an empty list is none.</summary>
        public IReadOnlyList<string>? Texts(string name, int longest, int most)
        {
            if (Json[name] is not { } node)
            {
                return null;
            }
            if (node is not JsonArray list)
            {
                return Text(name, node, longest) is { } one ? [one] : null;
            }
            if (list.Count > most || list.Contains(null))
            {
                return Fault<IReadOnlyList<string>>(name, node, string.Create(CultureInfo.InvariantCulture, $"text, or a list of up to {most} texts"));
            }
            string[] texts = [.. list.Select((text, i) => Text(string.Create(CultureInfo.InvariantCulture, $"{name}[{i}]"), text!, longest)).OfType<string>()];
            return texts.Length == 0 ? null : texts;
        }

        /// <summary>One number, or a list of them; an empty list is none.</summary>
        public IReadOnlyList<double>? Numbers(string name, double minimum, double maximum, int most)
        {
            if (Json[name] is not { } node)
            {
                return null;
            }
            double?[] numbers = [.. (node is JsonArray list ? list : [node.DeepClone()]).Select(number => number is null ? null : JsonNumber.Double(number))];
            if (numbers.Length > most || !numbers.All(number => number >= minimum && number <= maximum))
            {
                return Fault<IReadOnlyList<double>>(name, node, string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}, or a list of up to {most} such numbers"));
            }
            return numbers.Length == 0 ? null : [.. numbers.Select(number => number!.Value)];
        }

        public string? Text(string name, int longest) => Json[name] is { } node ? Text(name, node, longest) : null;

        private string? Text(string name, JsonNode node, int longest)
        {
            if (node is not JsonValue value || value.GetValueKind() != JsonValueKind.String)
            {
                return Fault<string>(name, node, "text, or null");
            }
            string text = value.GetValue<string>();
            if (text.Length > longest)
            {
                Faults.Add(new FieldFault(prefix + name, string.Create(CultureInfo.InvariantCulture, $"has {text.Length} characters; allowed: up to {longest}")));
                return null;
            }
            if (HasLoneSurrogate(text))
            {
                Faults.Add(new FieldFault(prefix + name, "is not valid Unicode: half of a surrogate pair stands alone"));
                return null;
            }
            return text;
        }

        public string? Word(string name, IReadOnlyList<string> words)
        {
            if (Json[name] is not { } node)
            {
                return null;
            }
            string? word = node.GetValueKind() == JsonValueKind.String ? words.FirstOrDefault(candidate => candidate == node.GetValue<string>()) : null;
            return word ?? Fault<string>(name, node, string.Join(", ", words));
        }

        public IReadOnlyList<T>? List<T>(string name, Func<JsonNode, T?> read, string allowed, int most)
            where T : struct
        {
            if (Json[name] is not { } node)
            {
                return null;
            }
            allowed = $"a list of 1..{most} {allowed}";
            if (node is not JsonArray array || array.Count == 0 || array.Count > most)
            {
                return Fault<IReadOnlyList<T>>(name, node, allowed);
            }
            T?[] values = [.. array.Select(element => element is null ? null : read(element))];
            return values.All(value => value.HasValue) ? [.. values.Select(value => value!.Value)] : Fault<IReadOnlyList<T>>(name, node, allowed);
        }

        private static bool HasLoneSurrogate(string text)
        {
            for (int i = 0; i < text.Length; i++)
            {
                if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                {
                    i++;
                }
                else if (char.IsSurrogate(text[i]))
                {
                    return true;
                }
            }
            return false;
        }
    }
}
