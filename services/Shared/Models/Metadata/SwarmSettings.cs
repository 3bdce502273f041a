using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Models.Metadata;

/// <summary>SwarmUI's settings: the object <c>sui_image_params</c> of its JSON (SwarmUI's <c>docs/Image Metadata Format.md</c>).</summary>
internal static class SwarmSettings
{
    private const string Root = "sui_image_params";

    /// <summary>The number of layers of XL's text encoders that ComfyUI, SwarmUI's backend, counts and this program does not.</summary>
    private const int XlLayers = 1;

    /// <summary>The value of <c>refinermodel</c> when there is no other model.</summary>
    private const string SameModel = "(Use Base)";

    /// <summary>The sizes of aspect ratios with a side length of 512.</summary>
    private static readonly Dictionary<string, (int Width, int Height)> Shapes = new(StringComparer.Ordinal)
    {
        ["1:1"] = (512, 512),
        ["4:3"] = (576, 448),
        ["3:2"] = (608, 416),
        ["8:5"] = (608, 384),
        ["16:9"] = (672, 384),
        ["21:9"] = (768, 320),
        ["3:4"] = (448, 576),
        ["2:3"] = (416, 608),
        ["5:8"] = (384, 608),
        ["9:16"] = (384, 672),
        ["9:21"] = (320, 768),
    };

    /// <summary>
    /// Settings without influence on the image, settings that repeat others, and settings that are read together with another name.
    /// </summary>
    private static readonly string[] Skip =
    [
        "prompt", "negativeprompt", "swarm_version", "images", "batchsize", "resolution", "automaticvae", "personalnote", "imageformat", "donotsave",
        "nopreviews", "scheduler", "loraweights", "aspectratio", "sidelength", "variationseedstrength", "refinermethod", "refinercontrolpercentage",
        "refinersteps", "refinerupscalemethod", "refinerupscale", "colordepth", "outpathformat", "presets", "width", "height",
    ];

    /// <summary>Returns whether an object contains settings of SwarmUI.</summary>
    public static bool IsOne(JsonObject json) => json[Root] is JsonObject;

    /// <summary>Reads the object.</summary>
    /// <exception cref="InvalidDataException">A value does not have the type of its setting.</exception>
    public static ImageMetadata Read(JsonObject json)
    {
        var stated = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, JsonNode? value) in (JsonObject)json[Root]!)
        {
            if (TextOf(value) is { } text)
            {
                stated[name] = text;
            }
        }
        var draft = new SettingsDraft();
        draft.SetComfyPrompts(draft.TakeTags(stated.GetValueOrDefault("prompt") ?? ""), stated.GetValueOrDefault("negativeprompt"));
        foreach ((string name, string value) in stated)
        {
            Read(draft, stated, name, value);
        }
        SetSize(draft, stated);
        SetRefiner(draft, stated);
        return draft.Build(XlLayers);
    }

    private static void Read(SettingsDraft draft, Dictionary<string, string> stated, string name, string value)
    {
        switch (name.ToLowerInvariant())
        {
            case "model":
                draft.Request["model"] = SettingsDraft.NameOf(value);
                break;
            case "seed":
                draft.Request["seeds"] = new JsonArray(SettingsDraft.Number(name, value));
                break;
            case "steps":
                draft.SetNumber("steps", name, value);
                break;
            case "fluxguidancescale":
                draft.SetNumber("guidance_scale", name, value);
                break;
            case "cfgscale" when stated.ContainsKey("fluxguidancescale"):
                if (SettingsDraft.Double(name, value) > 1)
                {
                    draft.SetNumber("true_cfg_scale", name, value);
                }
                break;
            case "cfgscale":
                draft.SetNumber("guidance_scale", name, value);
                break;
            case "sampler":
                SamplerNames.SetComfy(draft, value, stated.GetValueOrDefault("scheduler"));
                break;
            case "scheduler" when !stated.ContainsKey("sampler"):
                SamplerNames.SetComfy(draft, null, value);
                break;
            case "variationseed":
                draft.SetNumber("subseed", name, value);
                if (stated.TryGetValue("variationseedstrength", out string? strength))
                {
                    draft.SetNumber("subseed_strength", "variationseedstrength", strength);
                }
                break;
            case "loras":
                SetLoras(draft, value, stated.GetValueOrDefault("loraweights"));
                break;
            case "clipstopatlayer":
                draft.Request["clip_skip"] = Math.Max(0, -SettingsDraft.Double(name, value) - 1);
                break;
            case "initimage":
                draft.Needs("init_image", name);
                break;
            case "initimagecreativity":
                draft.SetNumber("strength", name, value);
                draft.Needs("init_image", $"{name}: {value}");
                break;
            case "maskimage" or "maskblur" or "maskgrow" or "maskshrinkgrow":
                draft.Needs("init_image", $"{name}: {value}");
                draft.Needs("mask", $"{name}: {value}");
                if (!name.Equals("maskimage", StringComparison.OrdinalIgnoreCase))
                {
                    draft.Ignore(name, value);
                }
                break;
            case string control when control.StartsWith("controlnet", StringComparison.Ordinal):
                draft.Needs("control_image", $"{name}: {value}");
                draft.Ignore(name, value, "controlnets");
                break;
            case "vae" or "refinervae" when value is "None" or "Automatic":
                break;
            case "refinermodel":
                break;
            case string other when Skip.Contains(other):
                break;
            default:
                if (!value.Equals("false", StringComparison.OrdinalIgnoreCase))
                {
                    draft.Ignore(name, value);
                }
                break;
        }
    }

    /// <summary>Sets the size, or the size that SwarmUI computes from an aspect ratio and a side length.</summary>
    private static void SetSize(SettingsDraft draft, Dictionary<string, string> stated)
    {
        if (stated.TryGetValue("width", out string? width) && stated.TryGetValue("height", out string? height))
        {
            draft.SetNumber("width", "width", width);
            draft.SetNumber("height", "height", height);
            return;
        }
        if (!stated.TryGetValue("aspectratio", out string? shape))
        {
            return;
        }
        const int Multiple = 16, Side = 512;
        if (Shapes.TryGetValue(shape, out (int Width, int Height) size) && stated.TryGetValue("sidelength", out string? length))
        {
            double scale = SettingsDraft.Double("sidelength", length) / Side;
            draft.Request["width"] = (int)Math.Round(size.Width * scale / Multiple) * Multiple;
            draft.Request["height"] = (int)Math.Round(size.Height * scale / Multiple) * Multiple;
        }
        else if (shape != "1:1" || stated.ContainsKey("sidelength"))
        {
            draft.Ignore("aspectratio", shape, "width");
        }
    }

    private static void SetLoras(SettingsDraft draft, string names, string? weights)
    {
        string[] all = names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string[] each = weights?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        foreach ((int i, string name) in all.Index())
        {
            draft.AddLora(name, i < each.Length ? SettingsDraft.Number("loraweights", each[i]) : 1);
        }
    }

    /// <summary>Sets a second pass: a refiner when the model differs, otherwise a pass at a larger size.</summary>
    private static void SetRefiner(SettingsDraft draft, Dictionary<string, string> stated)
    {
        const string DefaultControl = "0.2", DefaultMethod = "PostApply";
        string? model = stated.GetValueOrDefault("refinermodel");
        bool isOther = model is not null && model != SameModel;
        double scale = stated.TryGetValue("refinerupscale", out string? larger) ? SettingsDraft.Double("refinerupscale", larger) : 1;
        string method = stated.GetValueOrDefault("refinermethod") ?? DefaultMethod;
        double control = SettingsDraft.Double("refinercontrolpercentage", stated.GetValueOrDefault("refinercontrolpercentage") ?? DefaultControl);
        if (isOther && method == "StepSwap" && scale == 1)
        {
            var refiner = new JsonObject { ["model"] = SettingsDraft.NameOf(model!), ["denoising_start"] = Math.Round(1 - control, 6) };
            foreach ((string field, string own, string shared) in ((string, string, string)[])
                [("steps", "refinersteps", "steps"), ("guidance_scale", "refinercfgscale", "cfgscale")])
            {
                if ((stated.GetValueOrDefault(own) ?? stated.GetValueOrDefault(shared)) is { } number)
                {
                    refiner[field] = SettingsDraft.Number(own, number);
                }
            }
            draft.Request["denoising_end"] = Math.Round(1 - control, 6);
            draft.Request["refiner"] = refiner;
            return;
        }
        if (!isOther && method == DefaultMethod && scale > 1)
        {
            string way = stated.GetValueOrDefault("refinerupscalemethod") ?? "";
            var hires = new JsonObject
            {
                ["scale"] = scale,
                ["strength"] = control,
                ["upscaler"] = way switch
                {
                    "latent-bilinear" => "latent",
                    "latent-nearest-exact" => "latent-nearest",
                    "latent-bicubic" => "latent-bicubic",
                    _ => "lanczos",
                },
            };
            if ((stated.GetValueOrDefault("refinersteps") ?? stated.GetValueOrDefault("steps")) is { } steps)
            {
                hires["steps"] = SettingsDraft.Number("refinersteps", steps);
            }
            if (way is not ("latent-bilinear" or "latent-bicubic" or "pixel-lanczos"))
            {
                draft.Ignore("refinerupscalemethod", $"{way} ({hires["upscaler"]} is used)", "hires");
            }
            draft.Request["hires"] = hires;
            return;
        }
        foreach (string name in (string[])
            ["refinermodel", "refinermethod", "refinercontrolpercentage", "refinersteps", "refinerupscale", "refinerupscalemethod"])
        {
            if (stated.TryGetValue(name, out string? value) && (isOther || scale != 1 || stated.ContainsKey("refinercontrolpercentage")))
            {
                draft.Ignore(name, value);
            }
        }
    }

    /// <summary>Returns a value as text. Lists are joined, as SwarmUI does.</summary>
    private static string? TextOf(JsonNode? value) => value switch
    {
        null => null,
        JsonArray list => string.Join(',', list.Select(TextOf)),
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
        _ => value.ToJsonString(),
    };
}
