using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Requests.Prompts;

namespace Brownian.Models.Metadata;

/// <summary>Another program's settings during their conversion to a request.</summary>
internal sealed partial class SettingsDraft
{
    /// <summary>A length in bytes up to which a text cannot have more tokens than the window of any text encoder with one.</summary>
    private const int MaxBytesWithinWindow = 75;

    private readonly List<IgnoredSetting> _ignored = [];
    private readonly List<MissingImage> _missing = [];

    public JsonObject Request { get; } = [];

    public List<KeyValuePair<string, string>> AdapterHashes { get; } = [];

    public List<string> Inversions { get; } = [];

    /// <summary>Returns the converted settings.</summary>
    /// <param name="xlLayers">See <see cref="ImageMetadata.XlLayers"/>.</param>
    public ImageMetadata Build(int xlLayers) => new()
    {
        // Serialized and parsed as if read from a file, so that every number has the same representation.
        Request = JsonNode.Parse(Request.ToJsonString())!.AsObject(),
        Ignored = [.. _ignored],
        Missing = [.. _missing.DistinctBy(image => image.Field)],
        AdapterHashes = AdapterHashes,
        Inversions = Inversions,
        XlLayers = xlLayers,
    };

    /// <summary>Reports a setting that changes the image and is not taken.</summary>
    public void Ignore(string name, string value, string? field = null)
    {
        var ignored = new IgnoredSetting(name, value, field);
        if (!_ignored.Contains(ignored))
        {
            _ignored.Add(ignored);
        }
    }

    /// <summary>Reports a missing image without which the request would have another task.</summary>
    public void Needs(string field, string setting) => _missing.Add(new MissingImage(field, setting));

    /// <summary>Sets a field to a number.</summary>
    /// <exception cref="InvalidDataException">The value is not a number.</exception>
    public void SetNumber(string field, string name, string value) => Request[field] = Number(name, value);

    /// <summary>Parses a number.</summary>
    /// <exception cref="InvalidDataException">The value is not a number.</exception>
    public static JsonValue Number(string name, string value)
    {
        string text = value.Trim();
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong whole) ? JsonValue.Create(whole)
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? JsonValue.Create(number)
            : throw new InvalidDataException($"contains settings whose \"{name}\" is \"{value}\", not a number");
    }

    /// <inheritdoc cref="Number"/>
    public static double Double(string name, string value) => double.Parse(Number(name, value).ToJsonString(), CultureInfo.InvariantCulture);

    /// <summary>Returns the name of a model or adapter without folders, file extension and a hash in brackets.</summary>
    public static string NameOf(string file)
    {
        string name = HashInBrackets().Replace(file.Trim(), "");
        name = name[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        string ending = Path.GetExtension(name);
        return ending is ".safetensors" or ".ckpt" or ".pt" or ".pth" or ".bin" or ".gguf" or ".sft" ? name[..^ending.Length] : name;
    }

    /// <summary>Adds a LoRA.</summary>
    public void AddLora(string name, JsonNode weight)
    {
        if (Request["loras"] is not JsonArray loras)
        {
            Request["loras"] = loras = [];
        }
        loras.Add(new JsonObject { ["file"] = NameOf(name), ["weight"] = weight });
    }

    /// <summary>
    /// Sets a second pass. Both programs count the steps that are run; the request's field counts the steps before <c>strength</c> reduces them.
    /// </summary>
    /// <param name="hires">The size.</param>
    /// <param name="strength">How far the result may be from the enlarged image; null when it is not set.</param>
    /// <param name="steps">The number of steps that are run.</param>
    public void SetHires(JsonObject hires, double? strength, double? steps)
    {
        const int MaxSteps = 1000;
        if (strength is { } share)
        {
            hires["strength"] = share;
        }
        if (steps is { } made && strength is > 0)
        {
            hires["steps"] = (int)Math.Clamp(Math.Ceiling(made / strength.Value), 1, MaxSteps);
        }
        else if (steps is { } all)
        {
            hires["steps"] = (int)Math.Clamp(all, 1, MaxSteps);
        }
        Request["hires"] = hires;
    }

    /// <summary>Removes LoRAs and other tags from a prompt. The spaces around them are kept, as in both programs.</summary>
    public string TakeTags(string prompt)
    {
        string plain = Tag().Replace(prompt, match =>
        {
            string[] parts = match.Groups["rest"].Value.Split(':');
            if (match.Groups["kind"].Value.ToUpperInvariant() is not ("LORA" or "LYCO"))
            {
                Ignore("prompt", match.Value);
                return "";
            }
            // One weight for the text encoder and one for the UNet, which may be prefixed with te= and unet=.
            string[] weights = [.. parts.Skip(1).Select(weight => weight[(weight.IndexOf('=', StringComparison.Ordinal) + 1)..])];
            JsonNode first = weights.Length == 0 ? 1 : Number("<lora:...>", weights[0]);
            if (weights.Skip(1).Any(weight => weight != weights[0]))
            {
                Ignore("prompt", match.Value, "loras");
            }
            AddLora(parts[0], first);
            return "";
        });
        return plain == prompt ? prompt : plain.Trim();
    }

    /// <summary>Sets both prompts in AUTOMATIC1111's syntax. Sets <c>prompt_syntax</c> only when the plain text would have another meaning.</summary>
    public void SetA1111Prompts(string prompt, string? negative)
    {
        SetPrompts(prompt, negative);
        string[] both = [prompt, negative ?? ""];
        if (both.Any(IsSyntax) || PromptComposition.Parse(prompt) is not [{ Weight: 1 } whole] || whole.Text != PromptText.TrimEnd(prompt))
        {
            Request["prompt_syntax"] = "a1111";
        }
        if (both.Any(text => Encoding.UTF8.GetByteCount(text) > MaxBytesWithinWindow || PromptAttention.Parse(text).Any(piece => piece.IsBreak)))
        {
            Request["long_prompt"] = "chunk";
        }
    }

    /// <summary>Sets both prompts in ComfyUI's syntax: parentheses are weights, <c>embedding:NAME</c> is a file, everything else is text.</summary>
    public void SetComfyPrompts(string prompt, string? negative)
    {
        prompt = TakeEmbeddings(prompt);
        negative = negative is null ? null : TakeEmbeddings(negative);
        string[] both = [prompt, negative ?? ""];
        if (both.Any(text => text.AsSpan().ContainsAny('(', ')', '\\')))
        {
            Request["prompt_syntax"] = "a1111";
            if (both.Any(text => ((string[])["AND", "BREAK"]).Any(word => PromptText.SplitAtWord(text, word).Count > 1)))
            {
                Ignore("prompt", "AND and BREAK as text", "prompt");
            }
            prompt = Escaped(prompt);
            negative = negative is null ? null : Escaped(negative);
        }
        SetPrompts(prompt, negative);
        if (both.Any(text => Encoding.UTF8.GetByteCount(text) > MaxBytesWithinWindow))
        {
            Request["long_prompt"] = "chunk";
        }

        static string Escaped(string text) => text.Replace("[", "\\[", StringComparison.Ordinal).Replace("]", "\\]", StringComparison.Ordinal);
    }

    /// <summary>Removes embeddings from a prompt, because their names as plain words would have another meaning.</summary>
    private string TakeEmbeddings(string prompt)
    {
        string plain = Embedding().Replace(prompt, match =>
        {
            Ignore("prompt", match.Value, "textual_inversions");
            return "";
        });
        return plain == prompt ? prompt : plain.Trim();
    }

    private void SetPrompts(string prompt, string? negative)
    {
        Request["prompt"] = prompt;
        Request["negative_prompt"] = negative;
    }

    private static bool IsSyntax(string text) => PromptAttention.Parse(text) is not [{ Weight: 1, IsBreak: false } whole] || whole.Text != text;

    [GeneratedRegex(@"<(?<kind>\w+):(?<rest>[^<>]+)>")]
    private static partial Regex Tag();

    [GeneratedRegex(@"(?<!\w)embedding:[^\s,:()\[\]]+")]
    private static partial Regex Embedding();

    [GeneratedRegex(@"\s*\[[0-9a-fA-F]{6,64}\]$")]
    private static partial Regex HashInBrackets();
}
