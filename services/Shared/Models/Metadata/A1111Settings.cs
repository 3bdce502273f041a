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
    private delegate void Rule(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value);

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
        ["Sampler"] = (draft, values, _, value) => SamplerNames.SetA1111(draft, value, values.GetValueOrDefault("Schedule type")),
        ["Schedule type"] = (draft, values, _, value) =>
        {
            if (!values.ContainsKey("Sampler"))
            {
                SamplerNames.SetA1111(draft, null, value);
            }
        },
        ["Noise Schedule"] = SetNoiseSchedule,
        ["Clip skip"] = (draft, _, name, value) => draft.Request["clip_skip"] = Math.Max(0, SettingsDraft.Double(name, value) - 1),
        ["RNG"] = SetNoise,
        ["Eta"] = (draft, values, name, value) =>
        {
            // The same name is used for ancestral samplers, which have another eta.
            if (values.GetValueOrDefault("Sampler")?.StartsWith("DDIM", StringComparison.OrdinalIgnoreCase) ?? false)
            {
                draft.SetNumber("eta", name, value);
            }
            else
            {
                draft.Ignore(name, value, "eta");
            }
        },
        ["Refiner"] = SetRefiner,
        ["Refiner switch at"] = Skip,
        ["Hires upscale"] = SetHires,
        ["Hires resize"] = SetHires,
        ["Hires steps"] = SetHires,
        ["Hires upscaler"] = SetHires,
        ["First pass size"] = SetHires,
        ["Hires CFG Scale"] = IgnoredUnlessEqual("CFG scale"),
        ["Hires sampler"] = IgnoredUnlessEqual("Sampler"),
        ["Hires schedule type"] = IgnoredUnlessEqual("Schedule type"),
        ["Hires prompt"] = Ignored(),
        ["Hires negative prompt"] = Ignored(),
        ["Hires checkpoint"] = Ignored(),
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
        ["Mask blur"] = (draft, values, name, value) =>
        {
            NeedsMask(draft, values, name, value);
            Ignored("0")(draft, values, name, value);
        },
        ["Masked content"] = (draft, values, name, value) =>
        {
            NeedsMask(draft, values, name, value);
            Ignored("original")(draft, values, name, value);
        },
        ["Mask mode"] = (draft, values, name, value) =>
        {
            NeedsMask(draft, values, name, value);
            Ignored("Inpaint masked")(draft, values, name, value);
        },
        ["Inpaint area"] = (draft, values, name, value) =>
        {
            const string DefaultPadding = "32";
            NeedsMask(draft, values, name, value);
            if (value.Equals("Only masked", StringComparison.OrdinalIgnoreCase))
            {
                draft.SetNumber("padding_mask_crop", "Masked area padding", values.GetValueOrDefault("Masked area padding") ?? DefaultPadding);
            }
        },
        ["Masked area padding"] = NeedsMask,
        ["Conditional mask weight"] = Ignored("1"),
        ["Noise multiplier"] = Ignored("1"),
        ["Extra noise"] = Ignored("0"),
        ["Resize mode"] = Ignored(),

        // Changes the image but has no request field.
        ["ENSD"] = Ignored("0"),
        ["Seed resize from"] = Ignored("0x0", "-1x-1"),
        ["Face restoration"] = Ignored("None"),
        ["Tiling"] = Ignored(),
        ["Token merging ratio"] = Ignored("0"),
        ["Token merging ratio hr"] = Ignored("0"),
        ["Sigma churn"] = Ignored("0"),
        ["Sigma tmin"] = Ignored("0"),
        ["Sigma tmax"] = Ignored("0", "inf"),
        ["Sigma noise"] = Ignored("1"),
        ["Schedule min sigma"] = Ignored("0"),
        ["Schedule max sigma"] = Ignored("0"),
        ["Schedule rho"] = Ignored("0"),
        ["Skip Early CFG"] = Ignored("0"),
        ["NGMS"] = Ignored("0"),
        ["NGMS all steps"] = Ignored(),
        ["Discard penultimate sigma"] = Ignored(),
        ["Always discard next-to-last sigma"] = Ignored(),
        ["Emphasis"] = Ignored("Original"),
        ["Pad conds"] = Ignored(),
        ["Pad conds v0"] = Ignored(),
        ["SGM noise multiplier"] = Ignored(),
        ["Downcast alphas_cumprod"] = Ignored(),
        ["VAE"] = Ignored("None", "Automatic"),
        ["VAE Encoder"] = Ignored("Full"),
        ["VAE Decoder"] = Ignored("Full"),
        ["FP8 weight"] = Ignored("Disable"),
        ["Hypernet"] = Ignored("None"),
        ["Hypernet strength"] = (draft, values, name, value) =>
        {
            if (values.ContainsKey("Hypernet"))
            {
                draft.Ignore(name, value);
            }
        },

        // Has no influence on the image, or repeats another setting.
        ["Version"] = Skip,
        ["User"] = Skip,
        ["Time taken"] = Skip,
        ["Created Date"] = Skip,
        ["Hashes"] = Skip,
        ["VAE hash"] = Skip,
        ["Model hash"] = (draft, values, name, value) =>
        {
            if (!values.ContainsKey("Model"))
            {
                draft.Ignore(name, value, "model");
            }
        },
        ["Template"] = Skip,
        ["Negative Template"] = Skip,
        ["Civitai metadata"] = Skip,
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
            throw new InvalidDataException("contains text that is not the settings of an image: no line of it begins with \"Steps: \"");
        }
        int negative = Array.FindIndex(lines, 0, last, line => line.StartsWith(NegativePrefix, StringComparison.Ordinal));
        // Extensions write further lines with one pair each.
        (string Name, string Value)[] pairs = [.. Pairs(lines[last]), .. lines[(last + 1)..].Select(OfLine).OfType<(string, string)>()];
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, string value) in pairs)
        {
            values[name] = value;
        }
        SettingsDraft draft = Draft(
            string.Join('\n', lines[..(negative < 0 ? last : negative)]),
            negative < 0 ? null : string.Join('\n', lines[negative..last])[NegativePrefix.Length..].TrimStart(' '),
            values);
        if (!values.ContainsKey("RNG"))
        {
            draft.Ignore("RNG", "GPU, the default of images without this setting (--noise torch-cuda)", "noise");
        }
        return draft.Build(AllLayers);
    }

    /// <summary>Converts settings that come as values and not as the text of an image.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="negative">The negative prompt; null for none.</param>
    /// <param name="values">The pairs by their names.</param>
    /// <exception cref="InvalidDataException">A value is of another type.</exception>
    public static ImageMetadata Convert(string prompt, string? negative, IReadOnlyDictionary<string, string> values) =>
        Draft(prompt, negative, values).Build(AllLayers);

    private static SettingsDraft Draft(string prompt, string? negative, IReadOnlyDictionary<string, string> values)
    {
        var draft = new SettingsDraft();
        draft.SetA1111Prompts(draft.TakeTags(prompt), negative);
        foreach ((string name, string value) in values)
        {
            Rule rule = Rules.TryGetValue(name, out Rule? known) ? known
                : name.StartsWith("ControlNet", StringComparison.OrdinalIgnoreCase) ? SetControlNet
                : Ignored();
            rule(draft, values, name, value);
        }
        return draft;
    }

    private static (string, string)? OfLine(string line) =>
        line.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? (line[..colon].Trim(), line[(colon + 1)..].Trim()) : null;

    private static Rule Field(string field) => (draft, _, name, value) => draft.SetNumber(field, name, value);

    private static void Skip(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
    }

    /// <summary>Returns a handler that reports a setting as not taken unless it has a neutral value.</summary>
    private static Rule Ignored(params string[] neutral) => (draft, _, name, value) =>
    {
        if (value.Length > 0 && !value.Equals("False", StringComparison.OrdinalIgnoreCase) && !neutral.Any(other => IsSame(other, value)))
        {
            draft.Ignore(name, value);
        }
    };

    private static Rule IgnoredUnlessEqual(string first) => (draft, values, name, value) =>
    {
        if (!(values.TryGetValue(first, out string? other) && IsSame(other, value)) && !value.StartsWith("Use same", StringComparison.Ordinal))
        {
            draft.Ignore(name, value);
        }
    };

    private static bool IsSame(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase)
        || (double.TryParse(one, NumberStyles.Float, CultureInfo.InvariantCulture, out double first)
            && double.TryParse(other, NumberStyles.Float, CultureInfo.InvariantCulture, out double second)
            && first == second);

    /// <summary>Sets the guidance scale. Forge writes Flux's distilled scale beside the scale of the unconditional pass.</summary>
    private static void SetGuidance(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        bool isDistilled = name.StartsWith("Distilled", StringComparison.OrdinalIgnoreCase);
        if (isDistilled || !values.ContainsKey("Distilled CFG Scale"))
        {
            draft.SetNumber("guidance_scale", name, value);
        }
        else if (SettingsDraft.Double(name, value) > 1)
        {
            draft.SetNumber("true_cfg_scale", name, value);
        }
    }

    private static void SetSize(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        (JsonNode width, JsonNode height) = SizeOf(name, value);
        // In older versions, Size is the size of the second pass.
        if (!values.ContainsKey("First pass size"))
        {
            draft.Request["width"] = width;
            draft.Request["height"] = height;
        }
    }

    private static (JsonNode Width, JsonNode Height) SizeOf(string name, string value) => value.Split('x') is [string width, string height]
        ? (SettingsDraft.Number(name, width), SettingsDraft.Number(name, height))
        : throw new InvalidDataException($"contains settings whose \"{name}\" is \"{value}\", not a size");

    private static (double Width, double Height) SidesOf(string name, string value)
    {
        (JsonNode width, JsonNode height) = SizeOf(name, value);
        return (SettingsDraft.Double(name, width.ToJsonString()), SettingsDraft.Double(name, height.ToJsonString()));
    }

    private static void SetNoise(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        string? noise = value.ToUpperInvariant() switch { "CPU" => "torch-cpu", "GPU" or "NV" => "torch-cuda", _ => null };
        if (noise is null)
        {
            draft.Ignore(name, value, "noise");
        }
        else
        {
            draft.Request["noise"] = noise;
        }
    }

    private static void SetNoiseSchedule(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        if (!value.Equals("Default", StringComparison.OrdinalIgnoreCase))
        {
            draft.Ignore(name, value, "scheduler");
        }
    }

    private static void SetRefiner(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        const string DefaultSwitch = "0.8", SwitchName = "Refiner switch at";
        if (value.Length == 0 || value.Equals("None", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }
        JsonNode share = SettingsDraft.Number(SwitchName, values.GetValueOrDefault(SwitchName) ?? DefaultSwitch);
        var refiner = new JsonObject { ["model"] = SettingsDraft.NameOf(value), ["denoising_start"] = share };
        foreach ((string pair, string field) in ((string, string)[])[("Steps", "steps"), ("CFG scale", "guidance_scale")])
        {
            if (values.TryGetValue(pair, out string? shared))
            {
                refiner[field] = SettingsDraft.Number(pair, shared);
            }
        }
        draft.Request["denoising_end"] = share.DeepClone();
        draft.Request["refiner"] = refiner;
    }

    private static bool IsHires(IReadOnlyDictionary<string, string> values) => HiresNames.Any(values.ContainsKey);

    private static void SetStrength(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        if (IsHires(values))
        {
            SetHires(draft, values, name, value);
            return;
        }
        draft.SetNumber("strength", name, value);
        draft.Needs("init_image", $"{name}: {value}");
    }

    private static void NeedsMask(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        draft.Needs("init_image", $"{name}: {value}");
        draft.Needs("mask", $"{name}: {value}");
    }

    /// <summary>Sets all fields of a second pass when the first of its pairs is read.</summary>
    private static void SetHires(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        if (draft.Request["hires"] is not null || MaskNames.Any(values.ContainsKey))
        {
            return;
        }
        var hires = new JsonObject();
        SetHiresSize(draft, values, hires);
        double? scale = hires["scale"] is { } larger ? SettingsDraft.Double("Hires upscale", larger.ToJsonString()) : null;
        if (values.TryGetValue("Hires upscaler", out string? upscaler))
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
                draft.Ignore("Hires upscaler", $"{upscaler} ({taken} is used)", "hires");
            }
        }
        // A missing value, or 0, selects the first pass's number of steps.
        string? steps = values.TryGetValue("Hires steps", out string? own) && !IsSame(own, "0") ? own : values.GetValueOrDefault("Steps");
        draft.SetHires(
            hires,
            values.TryGetValue("Denoising strength", out string? strength) ? SettingsDraft.Double("Denoising strength", strength) : null,
            steps is null ? null : SettingsDraft.Double("Hires steps", steps));
    }

    private static void SetHiresSize(SettingsDraft draft, IReadOnlyDictionary<string, string> values, JsonObject hires)
    {
        if (values.TryGetValue("First pass size", out string? firstPass))
        {
            SetOldSize(draft, values, hires, firstPass);
        }
        else if (values.TryGetValue("Hires resize", out string? resize))
        {
            (double width, double height) = SidesOf("Hires resize", resize);
            (double first, double second) = values.TryGetValue("Size", out string? size) ? SidesOf("Size", size) : (width, height);
            // A side of 0 is computed from the other side.
            (hires["width"], hires["height"]) =
                height == 0 ? ((int)width, (int)(width * second / first))
                : width == 0 ? ((int)(height * first / second), (int)height)
                : ((int)width, (int)height);
            if (width * height > 0 && first * height != second * width)
            {
                draft.Ignore("Hires resize", resize + " (it crops the image to that size; here the image is stretched)", "hires");
            }
        }
        else if (values.TryGetValue("Hires upscale", out string? scale))
        {
            hires["scale"] = SettingsDraft.Number("Hires upscale", scale);
        }
    }

    /// <summary>
    /// Sets the sizes of early versions, which wrote the final size, and the first pass's size beside it. A first pass size of 0x0 selects about
    /// 512x512 pixels in multiples of 64.
    /// </summary>
    private static void SetOldSize(SettingsDraft draft, IReadOnlyDictionary<string, string> values, JsonObject hires, string firstPass)
    {
        const double Side = 512, Multiple = 64;
        (double width, double height) = SidesOf("First pass size", firstPass);
        if (!values.TryGetValue("Size", out string? size))
        {
            throw new InvalidDataException("contains settings with a \"First pass size\" and without a \"Size\"");
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
    private static void SetControlNet(SettingsDraft draft, IReadOnlyDictionary<string, string> values, string name, string value)
    {
        if (name.Equals("ControlNet Enabled", StringComparison.OrdinalIgnoreCase) && value.Equals("False", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }
        draft.Needs("control_image", $"{name}: {value}");
        draft.Ignore(name, value, "controlnets");
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
