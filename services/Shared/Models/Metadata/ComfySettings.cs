using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Models.Metadata;

/// <summary>
/// ComfyUI's settings: the graph in the <c>prompt</c> chunk of its PNG files. It contains nodes by their ids, each with <c>class_type</c> and
/// <c>inputs</c>. An input is a value or <c>[node, output]</c>. The nodes are followed backwards from the image. ComfyUI's own nodes are read; other
/// nodes on the path are reported as not taken.
/// </summary>
internal sealed class ComfySettings
{
    /// <summary>The number of layers of XL's text encoders that ComfyUI counts and this program does not.</summary>
    private const int XlLayers = 1;

    private static readonly string[] Samplers = ["KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"];

    /// <summary>Inputs that do not lead to another image.</summary>
    private static readonly string[] NoImages = ["vae", "model", "clip", "positive", "negative", "upscale_model", "control_net"];

    private static readonly string[] ClipLoaders =
        ["LoraLoader", "CheckpointLoaderSimple", "CheckpointLoader", "CLIPLoader", "DualCLIPLoader", "TripleCLIPLoader"];

    private readonly JsonObject _graph;
    private readonly SettingsDraft _draft = new();

    /// <summary>The nodes on the current path, to reject cyclic graphs, which ComfyUI never writes.</summary>
    private readonly HashSet<string> _path = new(StringComparer.Ordinal);

    /// <summary>Whether another sampler continues with the latents.</summary>
    private bool _continues;

    /// <summary>Whether there is an unconditional pass.</summary>
    private bool _isGuided;

    private ComfySettings(JsonObject graph) => _graph = graph;

    /// <summary>Returns whether an object is a graph of ComfyUI.</summary>
    public static bool IsOne(JsonObject json) => json.Any(node => ClassOf(node.Value) is not null);

    /// <summary>Reads a graph.</summary>
    /// <exception cref="InvalidDataException">The graph has no supported sampler, or has a cycle.</exception>
    public static ImageMetadata Read(JsonObject graph)
    {
        var settings = new ComfySettings(graph);
        string sampler = settings.FindSampler()
            ?? throw new InvalidDataException($"contains a graph of ComfyUI without a known sampler: {string.Join(", ", Samplers)}");
        settings.ReadSampler(sampler);
        return settings._draft.Build(XlLayers);
    }

    private static string? ClassOf(JsonNode? node) =>
        node is JsonObject json && json["class_type"] is JsonValue name && name.GetValueKind() == JsonValueKind.String
            ? name.GetValue<string>()
            : null;

    private string? Class(string? id) => id is null ? null : ClassOf(_graph[id]);

    private static bool IsSampler(string? name) => Samplers.Contains(name);

    /// <summary>Returns an input's raw value.</summary>
    private JsonNode? Input(string id, string name) => (_graph[id] as JsonObject)?["inputs"] is JsonObject inputs ? inputs[name] : null;

    /// <summary>Returns the node that an input is connected to; null for a value or a missing input.</summary>
    /// <exception cref="InvalidDataException">The node is not in the graph.</exception>
    private string? Link(string id, string name)
    {
        if (Input(id, name) is not JsonArray { Count: 2 } link || link[0] is not JsonValue node || link[1]?.GetValueKind() != JsonValueKind.Number
            || TextOf(node) is not { } before)
        {
            return null;
        }
        return Class(before) is not null ? before
            // An array of two numbers is a value and not a link.
            : node.GetValueKind() == JsonValueKind.Number ? null
            : throw new InvalidDataException(
                $"contains a graph of ComfyUI whose node {id} takes {name} from the node {before}, which it does not have");
    }

    /// <summary>Returns an input's value as text, also when a node that only holds a value provides it; null when there is none.</summary>
    private string? Value(string id, string name, int depth = 0)
    {
        const int Deepest = 16;
        if (Link(id, name) is not { } link)
        {
            return TextOf(Input(id, name));
        }
        if (depth > Deepest)
        {
            throw Circle();
        }
        string[] names = [name, "value", "string", "text", "seed", "number", "int", "float"];
        string[] own = [.. Inputs(link).Where(input => Input(link, input) is not null)];
        return (names.FirstOrDefault(own.Contains) ?? (own is [var only] ? only : null)) is { } found ? Value(link, found, depth + 1) : null;
    }

    private static string? TextOf(JsonNode? input) => input switch
    {
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
        JsonValue value => value.ToJsonString(),
        _ => null,
    };

    private double? Number(string id, string name) => Value(id, name) is { } value ? SettingsDraft.Double(name, value) : null;

    private void SetNumber(string field, string id, string name)
    {
        if (Value(id, name) is { } value)
        {
            _draft.SetNumber(field, name, value);
        }
        else if (Input(id, name) is not null)
        {
            _draft.Ignore(name, "of the node " + Class(Link(id, name)), field);
        }
    }

    private static InvalidDataException Circle() => new("contains a graph of ComfyUI that has a cycle");

    /// <summary>Returns the sampler whose image is saved, or the last sampler.</summary>
    private string? FindSampler()
    {
        string[] all = [.. _graph.Select(node => node.Key)];
        string[] saved = [.. all.Where(id => Class(id)?.StartsWith("SaveImage", StringComparison.Ordinal) ?? false)];
        string? output = saved.FirstOrDefault()
            ?? all.FirstOrDefault(id => Class(id) is "PreviewImage")
            ?? all.FirstOrDefault(id => Class(id)?.Contains("Save", StringComparison.Ordinal) ?? false)
            ?? all.FirstOrDefault(id => Class(id)?.StartsWith("VAEDecode", StringComparison.Ordinal) ?? false);
        if (output is not null)
        {
            string? sampler = Back(output);
            // Every image that a graph saves contains the whole graph, and nothing in it identifies this image.
            foreach (string other in saved.Skip(1).Where(other => Back(other, isRead: false) != sampler))
            {
                _draft.Ignore("node", $"{Class(other)} {other}, which saves the image of another sampler");
            }
            return sampler;
        }
        HashSet<string> used = [.. all.Where(id => IsSampler(Class(id))).SelectMany(id => new[] { Link(id, "latent_image") }).OfType<string>()];
        return all.FirstOrDefault(id => IsSampler(Class(id)) && !used.Contains(id));
    }

    /// <summary>
    /// Returns the sampler that a node's image comes from, and reports nodes that change the image after it. Returns null when the image comes from a
    /// file or from nothing.
    /// </summary>
    private string? Back(string id, bool isRead = true)
    {
        string name = Class(id)!;
        if (IsSampler(name))
        {
            return id;
        }
        if (name is "LoadImage" or "LoadImageMask")
        {
            return null;
        }
        Enter(id);
        string? sampler = null;
        foreach (string input in Inputs(id))
        {
            if (!NoImages.Contains(input) && Link(id, input) is { } before && Back(before, isRead) is { } found)
            {
                sampler = found;
                break;
            }
        }
        if (sampler is not null && isRead)
        {
            ReadAfter(id, name);
        }
        _path.Remove(id);
        return sampler;
    }

    private string? FirstLink(string id, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (Link(id, name) is { } link)
            {
                return link;
            }
        }
        return null;
    }

    private string[] Inputs(string id) => [.. ((_graph[id] as JsonObject)?["inputs"] as JsonObject ?? []).Select(input => input.Key)];

    private void Enter(string id)
    {
        if (!_path.Add(id))
        {
            throw Circle();
        }
    }

    /// <summary>Reads a node between a sampler and the file.</summary>
    private void ReadAfter(string id, string name)
    {
        switch (name)
        {
            case string save when save.Contains("Save", StringComparison.Ordinal) || save == "PreviewImage":
                break;
            case "VAEDecode":
                ReadVae(id);
                break;
            case "VAEDecodeTiled":
                ReadVae(id);
                _draft.Request["vae_tiling"] = true;
                break;
            default:
                _draft.Ignore("node", name);
                break;
        }
    }

    /// <summary>Reports a VAE other than the model's own.</summary>
    private void ReadVae(string id)
    {
        if (Link(id, "vae") is { } vae && Class(vae) == "VAELoader")
        {
            _draft.Ignore("VAE", Value(vae, "vae_name") ?? "");
        }
    }

    /// <summary>Reads the sampler of the image, and the samplers before it.</summary>
    private void ReadSampler(string id)
    {
        Enter(id);
        (string? latent, string? upscale) = ReadLatents(Link(id, "latent_image"));
        if (latent is not null && IsSampler(Class(latent)))
        {
            if (upscale is not null)
            {
                ReadHires(id, upscale);
                ReadSampler(latent);
                NameDifferences(latent, id, "second pass");
                NameCrop(upscale);
            }
            else
            {
                _continues = true;
                ReadSampler(latent);
                ReadRefiner(latent, id);
            }
            return;
        }
        ReadRun(id, isFromImage: latent is not null);
    }

    private void ReadRun(string id, bool isFromImage)
    {
        (string? positive, string? negative, string? model) = ReadCustom(id);
        SetNumber("seeds", id, Input(id, "seed") is null ? "noise_seed" : "seed");
        if (_draft.Request["seeds"] is JsonValue seed)
        {
            _draft.Request["seeds"] = new JsonArray(seed.DeepClone());
        }
        if (Class(id) is "KSampler" or "KSamplerAdvanced")
        {
            SetNumber("steps", id, "steps");
            SetNumber("guidance_scale", id, "cfg");
            SamplerNames.SetComfy(_draft, Value(id, "sampler_name"), Value(id, "scheduler"));
            double denoise = Number(id, "denoise") ?? 1;
            if (denoise < 1 || isFromImage)
            {
                SetStrength(denoise);
            }
        }
        else if (Class(id) == "SamplerCustom")
        {
            SetNumber("guidance_scale", id, "cfg");
        }
        bool isPart = Number(id, "start_at_step") is > 0 || (Number(id, "end_at_step") is { } end && end < (Number(id, "steps") ?? 0));
        if (Class(id) == "KSamplerAdvanced" && isPart && !_continues)
        {
            _draft.Ignore("start_at_step, end_at_step", $"{Value(id, "start_at_step")}, {Value(id, "end_at_step")}", "denoising_end");
        }
        if (Class(id) == "KSamplerAdvanced" && Value(id, "add_noise") == "disable")
        {
            _draft.Ignore("add_noise", "disable", "latents");
        }
        _isGuided = _draft.Request["guidance_scale"] is not { } scale || JsonNumber.Double(scale) != 1;
        string? prompt = ReadCondition(positive, isPositive: true), other = ReadCondition(negative, isPositive: false);
        _draft.SetComfyPrompts(prompt ?? "", other);
        ReadModel(model);
    }

    /// <summary>Reads a sampler whose noise, guider, sampler and noise levels are separate nodes.</summary>
    private (string? Positive, string? Negative, string? Model) ReadCustom(string id)
    {
        string? guider = Link(id, "guider"), holder = guider ?? id;
        string? levels = Link(id, "sigmas"), chosen = Link(id, "sampler"), noise = Link(id, "noise");
        if (noise is not null)
        {
            SetNumber("seeds", noise, "noise_seed");
        }
        if (guider is not null)
        {
            SetNumber("guidance_scale", guider, "cfg");
            if (Class(guider) is not ("BasicGuider" or "CFGGuider"))
            {
                _draft.Ignore("node", Class(guider)!);
            }
        }
        if (levels is not null)
        {
            SetNumber("steps", levels, "steps");
            if (Class(levels) != "BasicScheduler")
            {
                _draft.Ignore("node", Class(levels)!, "scheduler");
            }
            if (Number(levels, "denoise") is < 1 and var denoise)
            {
                SetStrength(denoise);
            }
        }
        if (chosen is not null || levels is not null)
        {
            SamplerNames.SetComfy(_draft, chosen is null ? null : Value(chosen, "sampler_name"), levels is null ? null : Value(levels, "scheduler"));
        }
        string? model = Link(holder, "model") ?? (levels is null ? null : Link(levels, "model"));
        return (Link(holder, "positive") ?? Link(holder, "conditioning"), Link(holder, "negative"), model);
    }

    private void SetStrength(double denoise)
    {
        _draft.Request["strength"] = denoise;
        _draft.Needs("init_image", string.Create(CultureInfo.InvariantCulture, $"denoise: {denoise}"));
    }

    /// <summary>
    /// Follows latents backwards: to a sampler, with the node that enlarges them in between, or to nothing when they are empty. An image is reported
    /// as missing.
    /// </summary>
    private (string? Before, string? Upscale) ReadLatents(string? id)
    {
        string? upscale = null;
        for (int depth = 0; id is not null; depth++)
        {
            if (depth > _graph.Count)
            {
                throw Circle();
            }
            string name = Class(id)!;
            if (IsSampler(name))
            {
                return (id, upscale);
            }
            switch (name)
            {
                case "LatentUpscale" or "LatentUpscaleBy":
                    upscale = id;
                    id = Link(id, "samples");
                    break;
                case "VAEDecode":
                    id = Link(id, "samples");
                    break;
                case "ImageScale" or "ImageScaleBy":
                    upscale = id;
                    id = Link(id, "image");
                    break;
                case "ImageUpscaleWithModel":
                    _draft.Ignore("node", name + " (lanczos is used)", "hires");
                    id = Link(id, "image");
                    break;
                case "VAEEncode" or "VAEEncodeTiled":
                    id = Link(id, "pixels");
                    break;
                case "VAEEncodeForInpaint":
                    _draft.Needs("init_image", name);
                    _draft.Needs("mask", name);
                    return (null, null);
                case "SetLatentNoiseMask":
                    _draft.Needs("mask", name);
                    id = Link(id, "samples");
                    break;
                case "LoadImage":
                    _draft.Needs("init_image", $"{name}: {Value(id, "image")}");
                    return (id, null);
                case "RepeatLatentBatch" or "LatentFromBatch":
                    id = Link(id, "samples");
                    break;
                case string empty when empty.StartsWith("Empty", StringComparison.Ordinal):
                    SetNumber("width", id, "width");
                    SetNumber("height", id, "height");
                    if (Number(id, "batch_size") is > 1 and var batch)
                    {
                        // The noise of all images is drawn from one seed in order, and nothing in the graph identifies this image.
                        _draft.Ignore("batch_size", batch.ToString(CultureInfo.InvariantCulture), "count");
                    }
                    return (null, upscale);
                default:
                    _draft.Ignore("node", name);
                    id = FirstLink(id, "samples", "latent", "latent_image", "pixels", "image") ?? LeftAt(name);
                    break;
            }
        }
        return (null, upscale);

        string? LeftAt(string name)
        {
            _draft.Needs("init_image", "node: " + name);
            return null;
        }
    }

    /// <summary>Reads a second pass over an enlarged image.</summary>
    private void ReadHires(string id, string upscale)
    {
        bool isLatent = Class(upscale)!.StartsWith("Latent", StringComparison.Ordinal);
        string method = Value(upscale, "upscale_method") ?? "";
        var hires = new JsonObject();
        if (Number(upscale, "scale_by") is { } scale)
        {
            hires["scale"] = scale;
        }
        else
        {
            hires["width"] = (int)(Number(upscale, "width") ?? 0);
            hires["height"] = (int)(Number(upscale, "height") ?? 0);
        }
        bool isWhole = Number(upscale, "scale_by") is { } larger && larger == Math.Truncate(larger);
        (string taken, bool isSame) = (isLatent, method) switch
        {
            (true, "bilinear") => ("latent", true),
            (true, "nearest-exact") => ("latent-nearest", isWhole),
            (true, "bicubic") => ("latent-bicubic", true),
            (true, _) => ("latent", false),
            (false, "lanczos") => ("lanczos", true),
            _ => ("lanczos", false),
        };
        hires["upscaler"] = taken;
        if (!isSame)
        {
            _draft.Ignore("upscale_method", $"{method} ({taken} is used)", "hires");
        }
        _draft.SetHires(hires, Number(id, "denoise") ?? 1, Number(id, "steps"));
    }

    /// <summary>Reads a second model that continues with the latents of the first one (<c>KSamplerAdvanced</c>).</summary>
    private void ReadRefiner(string first, string second)
    {
        double steps = Number(second, "steps") ?? 0, start = Number(second, "start_at_step") ?? 0;
        double share = steps > 0 ? Math.Round(start / steps, 6) : 0;
        (string? model, _) = FindModel(Link(second, "model"));
        if (Class(first) != "KSamplerAdvanced" || Class(second) != "KSamplerAdvanced" || share is 0 || model is null)
        {
            _draft.Ignore("node", Class(second) + " after another one");
            return;
        }
        _draft.Request["denoising_end"] = share;
        _draft.Request["refiner"] = new JsonObject
        {
            ["model"] = model,
            ["denoising_start"] = share,
            ["steps"] = steps,
            ["guidance_scale"] = Number(second, "cfg"),
        };
    }

    /// <summary>Reports cropping before a second pass when a different aspect ratio makes it cut something off.</summary>
    private void NameCrop(string upscale)
    {
        if (Value(upscale, "crop") is { } crop && crop != "disabled" && _draft.Request["hires"] is JsonObject hires
            && Side(hires, "width") * Side(_draft.Request, "height") != Side(hires, "height") * Side(_draft.Request, "width"))
        {
            _draft.Ignore("crop", crop, "hires");
        }

        static double Side(JsonObject json, string name) => json[name] is { } side ? JsonNumber.Double(side) ?? 0 : 0;
    }

    /// <summary>Reports settings of a second pass that differ from the first pass and that a request cannot express.</summary>
    private void NameDifferences(string first, string second, string where)
    {
        foreach (string input in (string[])["seed", "cfg", "sampler_name", "scheduler"])
        {
            if (Value(second, input) is { } value && value != Value(first, input))
            {
                _draft.Ignore($"{input} of the {where}", value);
            }
        }
    }

    /// <summary>Returns a prompt, and reads the other settings of the nodes before it.</summary>
    private string? ReadCondition(string? id, bool isPositive)
    {
        for (int depth = 0; id is not null; depth++)
        {
            if (depth > _graph.Count)
            {
                throw Circle();
            }
            string name = Class(id)!;
            switch (name)
            {
                case "CLIPTextEncode":
                    ReadClip(Link(id, "clip"));
                    return Text(id, "text");
                case "CLIPTextEncodeSDXL":
                    ReadClip(Link(id, "clip"));
                    if (isPositive)
                    {
                        ReadXlSizes(id);
                    }
                    if (Text(id, "text_g") is { } second && second != Text(id, "text_l"))
                    {
                        _draft.Request[isPositive ? "prompt_2" : "negative_prompt_2"] = second;
                    }
                    return Text(id, "text_l");
                case "CLIPTextEncodeFlux":
                    SetNumber("guidance_scale", id, "guidance");
                    return Text(id, "t5xxl");
                case "FluxGuidance":
                    SetNumber("guidance_scale", id, "guidance");
                    id = Link(id, "conditioning");
                    break;
                case "ControlNetApply" or "ControlNetApplyAdvanced" or "ControlNetApplySD3":
                    if (isPositive)
                    {
                        ReadControlNet(id, name);
                    }
                    id = Link(id, "conditioning") ?? Link(id, isPositive ? "positive" : "negative");
                    break;
                case "ConditioningZeroOut":
                    // Without guidance there is no unconditional pass. Flux and XL use zeros for it themselves; the others encode an empty text.
                    if (isPositive || _isGuided)
                    {
                        _draft.Ignore(
                            "node", name + (isPositive ? "" : " (the model's own pass without a prompt is used)"),
                            isPositive
                                ? "prompt"
                                : "negative_prompt");
                    }
                    return null;
                default:
                    _draft.Ignore("node", name, isPositive ? "prompt" : "negative_prompt");
                    id = FirstLink(id, "conditioning", "conditioning_1", "conditioning_to", isPositive ? "positive" : "negative");
                    break;
            }
        }
        return null;
    }

    private string? Text(string id, string name)
    {
        if (Value(id, name) is { } text)
        {
            return text;
        }
        if (Link(id, name) is { } node)
        {
            _draft.Ignore(name, "of the node " + Class(node), "prompt");
        }
        return null;
    }

    private void ReadXlSizes(string id)
    {
        foreach ((string field, string first, string second) in ((string, string, string)[])
            [("original_size", "height", "width"), ("crops_coords_top_left", "crop_h", "crop_w"), ("target_size", "target_height", "target_width")])
        {
            if (Value(id, first) is { } one && Value(id, second) is { } other)
            {
                _draft.Request[field] = new JsonArray(SettingsDraft.Number(first, one), SettingsDraft.Number(second, other));
            }
        }
    }

    private void ReadControlNet(string id, string name)
    {
        string net = Link(id, "control_net") is { } loader ? Value(loader, "control_net_name") ?? "" : "";
        _draft.Needs("control_image", $"{name}: {net}");
        _draft.Ignore(name, net, "controlnets");
        foreach ((string input, string field) in ((string, string)[])
            [("strength", "controlnet_conditioning_scale"), ("start_percent", "control_guidance_start"), ("end_percent", "control_guidance_end")])
        {
            if (Value(id, input) is not { } number)
            {
                continue;
            }
            if (_draft.Request[field] is not JsonArray list)
            {
                _draft.Request[field] = list = [];
            }
            list.Add(SettingsDraft.Number(input, number));
        }
    }

    /// <summary>Reads the path of a text encoder: the number of layers that it leaves out. Its LoRAs are those of the model.</summary>
    private void ReadClip(string? id)
    {
        for (int depth = 0; id is not null; depth++)
        {
            if (depth > _graph.Count)
            {
                throw Circle();
            }
            if (Class(id) == "CLIPSetLastLayer" && Number(id, "stop_at_clip_layer") is { } layer)
            {
                _draft.Request["clip_skip"] = Math.Max(0, -layer - 1);
            }
            else if (!ClipLoaders.Contains(Class(id)))
            {
                _draft.Ignore("node", Class(id)!);
            }
            id = Link(id, "clip");
        }
    }

    /// <summary>Reads the path of a model: its file, its LoRAs, and the nodes that change it.</summary>
    private void ReadModel(string? id)
    {
        (string? model, List<string> between) = FindModel(id);
        if (model is not null)
        {
            _draft.Request["model"] = model;
        }
        between.Reverse();
        foreach (string node in between)
        {
            switch (Class(node))
            {
                case "LoraLoader" or "LoraLoaderModelOnly":
                    string weight = Value(node, "strength_model") ?? "1";
                    _draft.AddLora(Value(node, "lora_name") ?? "", SettingsDraft.Number("strength_model", weight));
                    if (Number(node, "strength_clip") is { } clip && clip != SettingsDraft.Double("strength_model", weight))
                    {
                        _draft.Ignore("strength_clip", clip.ToString(CultureInfo.InvariantCulture), "loras");
                    }
                    break;
                case "RescaleCFG":
                    SetNumber("guidance_rescale", node, "multiplier");
                    break;
                case "PerturbedAttentionGuidance":
                    SetNumber("pag_scale", node, "scale");
                    break;
                default:
                    _draft.Ignore("node", Class(node)!);
                    break;
            }
        }
    }

    private (string? Model, List<string> Between) FindModel(string? id)
    {
        var between = new List<string>();
        while (id is not null && between.Count <= _graph.Count)
        {
            if ((Value(id, "ckpt_name") ?? Value(id, "unet_name")) is { } file)
            {
                return (SettingsDraft.NameOf(file), between);
            }
            between.Add(id);
            id = Link(id, "model");
        }
        return id is null ? (null, between) : throw Circle();
    }
}
