using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Models.Metadata;

/// <summary>
/// Settings in the format that AUTOMATIC1111 introduced and that Forge, SD.Next and others also write (<c>create_infotext</c> in
/// stable-diffusion-webui's <c>modules/processing.py</c>, 1.10): prompts, then a line of <c>Name: value</c> pairs. <see cref="Rules"/> contains every
/// supported name. Any other name is reported as not taken.
/// </summary>
internal static class A1111Settings
{
    private const string NegativePrefix = "Negative prompt:";
    private const string StepsPrefix = "Steps: ";

    /// <summary>
    /// The layers that are subtracted from clip skip for XL: more than any text encoder has, because AUTOMATIC1111 ignores clip skip there.
    /// </summary>
    private const int AllLayers = 100;

    private const StringSplitOptions Words = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;

    private static readonly string[] HiresNames = ["Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "First pass size"];

    private static readonly string[] MaskNames = ["Mask blur", "Inpaint area", "Masked content", "Masked area padding", "Mask mode"];

    /// <summary>Handles one pair.</summary>
    private delegate void Rule(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value);

    /// <summary>Every supported name with its handler.</summary>
    private static readonly Dictionary<string, Rule> Rules = new(StringComparer.OrdinalIgnoreCase)
    {
        // Copied to the request.
        ["Steps"] = Field("steps"),
        ["CFG scale"] = SetGuidance,
        ["Distilled CFG Scale"] = SetGuidance,
        ["Image CFG scale"] = Field("image_guidance_scale"),
        ["CFG Rescale"] = Field("guidance_rescale"),
        ["CFG Rescale phi"] = Field("guidance_rescale"),
        ["CFG Rescale φ"] = Field("guidance_rescale"),
        ["Variation seed"] = Field("subseed"),
        ["Variation seed strength"] = Field("subseed_strength"),
        ["Seed"] = (draft, _, name, value) => draft.Request["seeds"] = new JsonArray(SettingsDraft.Number(name, value)),
        ["Size"] = SetSize,
        ["Model"] = (draft, _, _, value) => draft.Request["model"] = SettingsDraft.NameOf(value),
        ["Sampler"] = (draft, said, _, value) => SamplerNames.SetA1111(draft, value, said.GetValueOrDefault("Schedule type")),
        ["Schedule type"] = (draft, said, _, value) =>
        {
            if (!said.ContainsKey("Sampler"))
            {
                SamplerNames.SetA1111(draft, null, value);
            }
        },
        ["Noise Schedule"] = SetNoiseSchedule,
        ["Clip skip"] = (draft, _, name, value) => draft.Request["clip_skip"] = Math.Max(0, SettingsDraft.Double(name, value) - 1),
        ["RNG"] = SetNoise,
        ["Eta"] = (draft, said, name, value) =>
        {
            // The same name is used for ancestral samplers, which have another eta.
            if (said.GetValueOrDefault("Sampler")?.StartsWith("DDIM", StringComparison.OrdinalIgnoreCase) ?? false)
            {
                draft.SetNumber("eta", name, value);
            }
            else
            {
                draft.NotTaken(name, value, "eta");
            }
        },
        ["Refiner"] = SetRefiner,
        ["Refiner switch at"] = Silent,
        ["Hires upscale"] = SetHires,
        ["Hires resize"] = SetHires,
        ["Hires steps"] = SetHires,
        ["Hires upscaler"] = SetHires,
        ["First pass size"] = SetHires,
        ["Hires CFG Scale"] = UntakenUnlessAs("CFG scale"),
        ["Hires sampler"] = UntakenUnlessAs("Sampler"),
        ["Hires schedule type"] = UntakenUnlessAs("Schedule type"),
        ["Hires prompt"] = Untaken(),
        ["Hires negative prompt"] = Untaken(),
        ["Hires checkpoint"] = Untaken(),
        ["TI hashes"] = (draft, _, _, value) =>
        {
            foreach ((string inversion, string hash) in Hashes(value))
            {
                draft.Inversions.Add(inversion);
                draft.AdapterHashes.Add(KeyValuePair.Create(inversion, hash));
            }
        },
        ["Lora hashes"] = (draft, _, _, value) => draft.AdapterHashes.AddRange(Hashes(value)),

        // Requires an image that the file does not contain.
        ["Denoising strength"] = SetStrength,
        ["Init image hash"] = (draft, _, name, value) => draft.Needs("init_image", $"{name}: {value}"),
        ["Mask hash"] = NeedsMask,
        ["Mask blur"] = (draft, said, name, value) =>
        {
            NeedsMask(draft, said, name, value);
            Untaken("0")(draft, said, name, value);
        },
        ["Masked content"] = (draft, said, name, value) =>
        {
            NeedsMask(draft, said, name, value);
            Untaken("original")(draft, said, name, value);
        },
        ["Mask mode"] = (draft, said, name, value) =>
        {
            NeedsMask(draft, said, name, value);
            Untaken("Inpaint masked")(draft, said, name, value);
        },
        ["Inpaint area"] = (draft, said, name, value) =>
        {
            const string DefaultPadding = "32";
            NeedsMask(draft, said, name, value);
            if (value.Equals("Only masked", StringComparison.OrdinalIgnoreCase))
            {
                draft.SetNumber("padding_mask_crop", "Masked area padding", said.GetValueOrDefault("Masked area padding") ?? DefaultPadding);
            }
        },
        ["Masked area padding"] = NeedsMask,
        ["Conditional mask weight"] = Untaken("1"),
        ["Noise multiplier"] = Untaken("1"),
        ["Extra noise"] = Untaken("0"),
        ["Resize mode"] = Untaken(),

        // Changes the image but has no request field.
        ["ENSD"] = Untaken("0"),
        ["Seed resize from"] = Untaken("0x0", "-1x-1"),
        ["Face restoration"] = Untaken("None"),
        ["Tiling"] = Untaken(),
        ["Token merging ratio"] = Untaken("0"),
        ["Token merging ratio hr"] = Untaken("0"),
        ["Sigma churn"] = Untaken("0"),
        ["Sigma tmin"] = Untaken("0"),
        ["Sigma tmax"] = Untaken("0", "inf"),
        ["Sigma noise"] = Untaken("1"),
        ["Schedule min sigma"] = Untaken("0"),
        ["Schedule max sigma"] = Untaken("0"),
        ["Schedule rho"] = Untaken("0"),
        ["Skip Early CFG"] = Untaken("0"),
        ["NGMS"] = Untaken("0"),
        ["NGMS all steps"] = Untaken(),
        ["Discard penultimate sigma"] = Untaken(),
        ["Always discard next-to-last sigma"] = Untaken(),
        ["Emphasis"] = Untaken("Original"),
        ["Pad conds"] = Untaken(),
        ["Pad conds v0"] = Untaken(),
        ["SGM noise multiplier"] = Untaken(),
        ["Downcast alphas_cumprod"] = Untaken(),
        ["VAE"] = Untaken("None", "Automatic"),
        ["VAE Encoder"] = Untaken("Full"),
        ["VAE Decoder"] = Untaken("Full"),
        ["FP8 weight"] = Untaken("Disable"),
        ["Hypernet"] = Untaken("None"),
        ["Hypernet strength"] = (draft, said, name, value) =>
        {
            if (said.ContainsKey("Hypernet"))
            {
                draft.NotTaken(name, value);
            }
        },

        // Has no influence on the image, or repeats another setting.
        ["Version"] = Silent,
        ["User"] = Silent,
        ["Time taken"] = Silent,
        ["Created Date"] = Silent,
        ["Hashes"] = Silent,
        ["VAE hash"] = Silent,
        ["Model hash"] = (draft, said, name, value) =>
        {
            if (!said.ContainsKey("Model"))
            {
                draft.NotTaken(name, value, "model");
            }
        },
        ["Template"] = Silent,
        ["Negative Template"] = Silent,
        ["Civitai metadata"] = Silent,
    };

    /// <summary>Returns whether a text has a line of pairs.</summary>
    public static bool IsOne(string text) => text.Split('\n').Any(line => line.StartsWith(StepsPrefix, StringComparison.Ordinal));

    /// <summary>Reads the text.</summary>
    /// <exception cref="InvalidDataException">The text has another format.</exception>
    public static ImageMetadata Read(string text)
    {
        string[] lines = text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        int last = Array.FindLastIndex(lines, line => line.StartsWith(StepsPrefix, StringComparison.Ordinal));
        if (last < 0)
        {
            throw new InvalidDataException("carries a text that is not a picture's settings: no line of it begins with \"Steps: \"");
        }
        int negative = Array.FindIndex(lines, 0, last, line => line.StartsWith(NegativePrefix, StringComparison.Ordinal));
        var draft = new SettingsDraft();
        draft.SetA1111Prompts(
            draft.TakeTags(string.Join('\n', lines[..(negative < 0 ? last : negative)])),
            negative < 0 ? null : string.Join('\n', lines[negative..last])[NegativePrefix.Length..].TrimStart(' '));
        // Extensions write further lines with one pair each.
        (string Name, string Value)[] pairs = [.. Pairs(lines[last]), .. lines[(last + 1)..].Select(OfLine).OfType<(string, string)>()];
        var said = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, string value) in pairs)
        {
            said[name] = value;
        }
        foreach ((string name, string value) in said)
        {
            Rule rule = Rules.TryGetValue(name, out Rule? known) ? known
                : name.StartsWith("ControlNet", StringComparison.OrdinalIgnoreCase) ? SetControlNet
                : Untaken();
            rule(draft, said, name, value);
        }
        if (!said.ContainsKey("RNG"))
        {
            draft.NotTaken("RNG", "GPU, which is meant where none is written (--noise torch-cuda)", "noise");
        }
        return draft.Build(AllLayers);
    }

    private static (string, string)? OfLine(string line) =>
        line.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? (line[..colon].Trim(), line[(colon + 1)..].Trim()) : null;

    private static Rule Field(string field) => (draft, _, name, value) => draft.SetNumber(field, name, value);

    private static void Silent(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
    }

    /// <summary>Returns a handler that reports a setting as not taken unless it has a neutral value.</summary>
    private static Rule Untaken(params string[] neutral) => (draft, _, name, value) =>
    {
        if (value.Length > 0 && !value.Equals("False", StringComparison.OrdinalIgnoreCase) && !neutral.Any(other => IsSame(other, value)))
        {
            draft.NotTaken(name, value);
        }
    };

    private static Rule UntakenUnlessAs(string first) => (draft, said, name, value) =>
    {
        if (!(said.TryGetValue(first, out string? other) && IsSame(other, value)) && !value.StartsWith("Use same", StringComparison.Ordinal))
        {
            draft.NotTaken(name, value);
        }
    };

    private static bool IsSame(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase)
        || (double.TryParse(one, NumberStyles.Float, CultureInfo.InvariantCulture, out double first)
            && double.TryParse(other, NumberStyles.Float, CultureInfo.InvariantCulture, out double second)
            && first == second);

    /// <summary>Sets the guidance scale. Forge writes Flux's distilled scale beside the scale of the unconditional pass.</summary>
    private static void SetGuidance(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        bool isDistilled = name.StartsWith("Distilled", StringComparison.OrdinalIgnoreCase);
        if (isDistilled || !said.ContainsKey("Distilled CFG Scale"))
        {
            draft.SetNumber("guidance_scale", name, value);
        }
        else if (SettingsDraft.Double(name, value) > 1)
        {
            draft.SetNumber("true_cfg_scale", name, value);
        }
    }

    private static void SetSize(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        (JsonNode width, JsonNode height) = SizeOf(name, value);
        // In older versions, Size is the size of the second pass.
        if (!said.ContainsKey("First pass size"))
        {
            draft.Request["width"] = width;
            draft.Request["height"] = height;
        }
    }

    private static (JsonNode Width, JsonNode Height) SizeOf(string name, string value) => value.Split('x') is [string width, string height]
        ? (SettingsDraft.Number(name, width), SettingsDraft.Number(name, height))
        : throw new InvalidDataException($"carries settings whose \"{name}\" is \"{value}\", not a size");

    private static (double Width, double Height) SidesOf(string name, string value)
    {
        (JsonNode width, JsonNode height) = SizeOf(name, value);
        return (SettingsDraft.Double(name, width.ToJsonString()), SettingsDraft.Double(name, height.ToJsonString()));
    }

    private static void SetNoise(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        string? noise = value.ToUpperInvariant() switch { "CPU" => "torch-cpu", "GPU" or "NV" => "torch-cuda", _ => null };
        if (noise is null)
        {
            draft.NotTaken(name, value, "noise");
        }
        else
        {
            draft.Request["noise"] = noise;
        }
    }

    private static void SetNoiseSchedule(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        if (!value.Equals("Default", StringComparison.OrdinalIgnoreCase))
        {
            draft.NotTaken(name, value, "scheduler");
        }
    }

    private static void SetRefiner(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        const string DefaultSwitch = "0.8", SwitchName = "Refiner switch at";
        if (value.Length == 0 || value.Equals("None", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }
        JsonNode share = SettingsDraft.Number(SwitchName, said.GetValueOrDefault(SwitchName) ?? DefaultSwitch);
        var refiner = new JsonObject { ["model"] = SettingsDraft.NameOf(value), ["denoising_start"] = share };
        foreach ((string pair, string field) in ((string, string)[])[("Steps", "steps"), ("CFG scale", "guidance_scale")])
        {
            if (said.TryGetValue(pair, out string? shared))
            {
                refiner[field] = SettingsDraft.Number(pair, shared);
            }
        }
        draft.Request["denoising_end"] = share.DeepClone();
        draft.Request["refiner"] = refiner;
    }

    private static bool IsHires(IReadOnlyDictionary<string, string> said) => HiresNames.Any(said.ContainsKey);

    private static void SetStrength(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        if (IsHires(said))
        {
            SetHires(draft, said, name, value);
            return;
        }
        draft.SetNumber("strength", name, value);
        draft.Needs("init_image", $"{name}: {value}");
    }

    private static void NeedsMask(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        draft.Needs("init_image", $"{name}: {value}");
        draft.Needs("mask", $"{name}: {value}");
    }

    /// <summary>Sets all fields of a second pass when the first of its pairs is read.</summary>
    private static void SetHires(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        if (draft.Request["hires"] is not null || MaskNames.Any(said.ContainsKey))
        {
            return;
        }
        var hires = new JsonObject();
        SetHiresSize(draft, said, hires);
        double? scale = hires["scale"] is { } larger ? SettingsDraft.Double("Hires upscale", larger.ToJsonString()) : null;
        if (said.TryGetValue("Hires upscaler", out string? upscaler))
        {
            (string taken, bool isSame) = upscaler.ToUpperInvariant() switch
            {
                "LATENT" or "LATENT (ANTIALIASED)" => ("latent", true),
                "LATENT (NEAREST)" => ("latent-nearest", true),
                // Integer scales use the same neighbors.
                "LATENT (NEAREST-EXACT)" => ("latent-nearest", scale is { } whole && whole == Math.Truncate(whole)),
                "LATENT (BICUBIC)" => ("latent-bicubic", true),
                "LATENT (BICUBIC ANTIALIASED)" => ("latent-bicubic", false),
                "LANCZOS" => ("lanczos", true),
                // All other upscalers enlarge the decoded image.
                _ => ("lanczos", false),
            };
            hires["upscaler"] = taken;
            if (!isSame)
            {
                draft.NotTaken("Hires upscaler", $"{upscaler} ({taken} is taken)", "hires");
            }
        }
        // A missing value, or 0, selects the first pass's number of steps.
        string? steps = said.TryGetValue("Hires steps", out string? own) && !IsSame(own, "0") ? own : said.GetValueOrDefault("Steps");
        draft.SetHires(
            hires,
            said.TryGetValue("Denoising strength", out string? strength) ? SettingsDraft.Double("Denoising strength", strength) : null,
            steps is null ? null : SettingsDraft.Double("Hires steps", steps));
    }

    private static void SetHiresSize(SettingsDraft draft, IReadOnlyDictionary<string, string> said, JsonObject hires)
    {
        if (said.TryGetValue("First pass size", out string? firstPass))
        {
            SetOldSize(draft, said, hires, firstPass);
        }
        else if (said.TryGetValue("Hires resize", out string? resize))
        {
            (double width, double height) = SidesOf("Hires resize", resize);
            (double first, double second) = said.TryGetValue("Size", out string? size) ? SidesOf("Size", size) : (width, height);
            // A side of 0 is computed from the other side.
            (hires["width"], hires["height"]) =
                height == 0 ? ((int)width, (int)(width * second / first))
                : width == 0 ? ((int)(height * first / second), (int)height)
                : ((int)width, (int)height);
            if (width * height > 0 && first * height != second * width)
            {
                draft.NotTaken("Hires resize", resize + " (it is cut to that size from another shape; here it is stretched)", "hires");
            }
        }
        else if (said.TryGetValue("Hires upscale", out string? scale))
        {
            hires["scale"] = SettingsDraft.Number("Hires upscale", scale);
        }
    }

    /// <summary>
    /// Sets the sizes of early versions, which wrote the final size, and the first pass's size beside it. A first pass size of 0x0 selects about
    /// 512x512 pixels in multiples of 64.
    /// </summary>
    private static void SetOldSize(SettingsDraft draft, IReadOnlyDictionary<string, string> said, JsonObject hires, string firstPass)
    {
        const double Side = 512, Multiple = 64;
        (double width, double height) = SidesOf("First pass size", firstPass);
        if (!said.TryGetValue("Size", out string? size))
        {
            throw new InvalidDataException("carries settings with a \"First pass size\" and without a \"Size\"");
        }
        (double last, double lastHeight) = SidesOf("Size", size);
        (hires["width"], hires["height"]) = ((int)last, (int)lastHeight);
        if (width == 0 || height == 0)
        {
            double scale = Math.Sqrt(Side * Side / (last * lastHeight));
            (width, height) = (Math.Ceiling(scale * last / Multiple) * Multiple, Math.Ceiling(scale * lastHeight / Multiple) * Multiple);
        }
        (draft.Request["width"], draft.Request["height"]) = ((int)width, (int)height);
    }

    /// <summary>
    /// Reads a unit of the ControlNet extension. Its weight and guidance range are copied; the caller must provide the control image.
    /// </summary>
    private static void SetControlNet(SettingsDraft draft, IReadOnlyDictionary<string, string> said, string name, string value)
    {
        if (name.Equals("ControlNet Enabled", StringComparison.OrdinalIgnoreCase) && value.Equals("False", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }
        draft.Needs("control_image", $"{name}: {value}");
        draft.NotTaken(name, value, "controlnets");
        foreach (string part in value.Split(", "))
        {
            if (part.Split(": ") is [string what, string number] && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out _)
                && what.ToUpperInvariant() switch
                {
                    "WEIGHT" => "controlnet_conditioning_scale",
                    "GUIDANCE START" => "control_guidance_start",
                    "GUIDANCE END" => "control_guidance_end",
                    _ => null,
                } is { } field)
            {
                if (draft.Request[field] is not JsonArray list)
                {
                    draft.Request[field] = list = [];
                }
                list.Add(SettingsDraft.Number(what, number));
            }
        }
    }

    /// <summary>Parses the names and hashes of files.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Hashes(string value) =>
        from pair in value.Split(',', Words)
        let colon = pair.LastIndexOf(':')
        where colon > 0
        select KeyValuePair.Create(pair[..colon].Trim(), pair[(colon + 1)..].Trim().ToLowerInvariant());

    /// <summary>Returns the pairs of a line. A value is plain text, a quoted JSON string, or JSON.</summary>
    private static IEnumerable<(string Name, string Value)> Pairs(string line)
    {
        int position = 0;
        while (line.IndexOf(':', position) is >= 0 and var colon)
        {
            // Text between commas without a colon is a pair whose value equals its name.
            int named = line.LastIndexOf(',', colon, colon - position + 1) + 1;
            foreach (string single in named > position ? line[position..(named - 1)].Split(',', Words) : [])
            {
                yield return (single, single);
            }
            string name = line[Math.Max(named, position)..colon].Trim();
            int start = colon + 1;
            while (start < line.Length && line[start] == ' ')
            {
                start++;
            }
            (string value, int end) = Value(line, start);
            yield return (name, value);
            int comma = line.IndexOf(',', Math.Min(end, line.Length));
            position = comma < 0 ? line.Length : comma + 1;
        }
        foreach (string single in line[Math.Min(position, line.Length)..].Split(',', Words))
        {
            yield return (single, single);
        }
    }

    private static (string Value, int End) Value(string line, int start)
    {
        if (start < line.Length && line[start] is '"' or '[' or '{')
        {
            byte[] rest = Encoding.UTF8.GetBytes(line[start..]);
            var reader = new Utf8JsonReader(rest);
            try
            {
                reader.Read();
                bool isText = reader.TokenType == JsonTokenType.String;
                string? text = isText ? reader.GetString() : null;
                reader.Skip();
                string json = Encoding.UTF8.GetString(rest.AsSpan(0, (int)reader.BytesConsumed));
                return (text ?? json, start + json.Length);
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                // The value is plain text that begins like JSON.
            }
        }
        int end = line.IndexOf(',', Math.Min(start, line.Length));
        end = end < 0 ? line.Length : end;
        return (line[Math.Min(start, end)..end].Trim(), end);
    }
}
