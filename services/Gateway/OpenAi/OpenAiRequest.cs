using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Gateway.OpenAi;

/// <summary>
/// A call of OpenAI's Images API: the request that it means, and the form of its answer. Fields that OpenAI does not have are those of a request
/// (docs/request.md).
/// </summary>
internal sealed partial class OpenAiRequest
{
    private const int MaxCount = 10, MaxPartialImages = 3;

    private const string Auto = "auto";

    private OpenAiRequest(JsonObject request) => Request = request;

    /// <summary>The request, without its model and with neither the steps of a quality nor previews.</summary>
    public JsonObject Request { get; }

    /// <summary>The model as the call names it; null for none.</summary>
    public string? Model { get; private set; }

    /// <summary>The quality: low, medium, high, standard, hd or auto.</summary>
    public string Quality { get; private set; } = Auto;

    /// <summary>Whether images are sent as links that expire; otherwise as base64.</summary>
    public bool SendsLinks { get; private set; }

    /// <summary>Whether the answer is a stream of events.</summary>
    public bool Streams { get; private set; }

    /// <summary>The most unfinished images that a stream sends of each image.</summary>
    public int PartialImages { get; private set; }

    /// <summary>The format of the files: png, jpeg or webp.</summary>
    public string OutputFormat => (string?)Request["output"]?["format"] ?? "png";

    /// <summary>Reads a call.</summary>
    /// <param name="body">Its fields.</param>
    /// <param name="call">The call.</param>
    /// <param name="faults">Receives the faults.</param>
    public static OpenAiRequest Read(JsonObject body, OpenAiCall call, List<FieldFault> faults)
    {
        var read = new OpenAiRequest((JsonObject)body.DeepClone());
        read.ReadFields(call, faults);
        return read;
    }

    private void ReadFields(OpenAiCall call, List<FieldFault> faults)
    {
        Model = Text("model", faults);
        if (call == OpenAiCall.Variation)
        {
            Request["task"] = RequestTask.Variation;
        }
        else if (Request["prompt"] is null)
        {
            faults.Add(new FieldFault("prompt", "is missing; allowed: text"));
        }
        if (call != OpenAiCall.Generation)
        {
            Rename("image", "init_image", faults);
            if (Request["init_image"] is JsonArray { Count: not 1 } several)
            {
                Request.Remove("init_image");
                faults.Add(new FieldFault("image", $"has {several.Count} images; allowed: one"));
            }
            else if (Request["init_image"] is JsonArray { Count: 1 } one)
            {
                Request["init_image"] = one[0]?.DeepClone();
            }
            else if (Request["init_image"] is null)
            {
                faults.Add(new FieldFault("image", "is missing; allowed: an image"));
            }
        }
        if (call == OpenAiCall.Edit)
        {
            EditMask.Apply(Request, faults);
        }
        if (Number("n", 1, MaxCount, faults) is { } count)
        {
            Set("count", count, "n", faults);
        }
        ReadSize(faults);
        Quality = Choice("quality", faults, "low", "medium", "high", "standard", "hd", Auto) ?? Auto;
        // Nothing is moderated here, so that both are done.
        Choice("moderation", faults, "low", Auto);
        Choice("background", faults, "opaque", Auto);
        Choice("input_fidelity", faults, "low");
        if (Take("style") is { } style)
        {
            faults.Add(new FieldFault("style", $"{style.ToJsonString()} is not allowed: the models here have no styles; say it in the prompt"));
        }
        SendsLinks = Choice("response_format", faults, "url", "b64_json") is { } form ? form == "url" : OpenAiModels.SendsLinks(Model);
        ReadOutput(faults);
        Streams = Truth("stream", faults);
        PartialImages = Number("partial_images", 0, MaxPartialImages, faults) ?? 0;
        if (PartialImages > 0 && !Streams)
        {
            faults.Add(new FieldFault("partial_images", "needs stream"));
        }
        if (Text("user", faults) is { Length: > 0 } user)
        {
            if (Request["labels"] is not JsonObject labels)
            {
                Request["labels"] = labels = [];
            }
            labels["user"] = user;
        }
    }

    private void ReadSize(List<FieldFault> faults)
    {
        if (Text("size", faults) is not { } size || size == Auto)
        {
            return;
        }
        if (Size().Match(size) is { Success: true } match)
        {
            Set("width", int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), "size", faults);
            Set("height", int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture), "size", faults);
            return;
        }
        faults.Add(FieldFault.Of("size", size, "auto, or a width and a height in pixels, such as 1024x1024"));
    }

    private void ReadOutput(List<FieldFault> faults)
    {
        string? format = Choice("output_format", faults, "png", "jpeg", "webp");
        int? quality = Number("output_compression", 0, 100, faults);
        if (format is null && quality is null)
        {
            return;
        }
        if (quality < 100 && format is null or "png")
        {
            faults.Add(FieldFault.Of("output_compression", quality, "100, or output_format jpeg or webp"));
        }
        var output = new JsonObject { ["format"] = format ?? "png" };
        if (quality is { } given && format is "jpeg" or "webp")
        {
            // The encoders' least is 1.
            output["quality"] = Math.Max(1, quality!.Value);
        }
        Set("output", output, "output_format", faults);
    }

    /// <summary>Sets a field of the request that an OpenAI field means. Both cannot be given.</summary>
    private void Set(string field, JsonNode value, string name, List<FieldFault> faults)
    {
        if (Request[field] is not null)
        {
            faults.Add(new FieldFault(name, $"cannot be given with {field}"));
        }
        Request[field] = value;
    }

    private void Rename(string name, string field, List<FieldFault> faults)
    {
        if (Take(name) is { } value)
        {
            Set(field, value, name, faults);
        }
    }

    /// <summary>Returns the value of a field that a request does not have, and removes it; null for none.</summary>
    private JsonNode? Take(string name)
    {
        JsonNode? value = Request[name];
        Request.Remove(name);
        return value;
    }

    private string? Text(string name, List<FieldFault> faults)
    {
        if (Take(name) is not { } value)
        {
            return null;
        }
        if (value is JsonValue text && text.TryGetValue(out string? read))
        {
            return read;
        }
        faults.Add(FieldFault.Of(name, value, "text"));
        return null;
    }

    private string? Choice(string name, List<FieldFault> faults, params string[] allowed)
    {
        if (Take(name) is not { } value)
        {
            return null;
        }
        if (value is JsonValue text && text.TryGetValue(out string? read) && allowed.Contains(read))
        {
            return read;
        }
        faults.Add(FieldFault.Of(name, value, string.Join(", ", allowed)));
        return null;
    }

    private int? Number(string name, int minimum, int maximum, List<FieldFault> faults)
    {
        if (Take(name) is not { } value)
        {
            return null;
        }
        if (JsonNumber.UInt64(value) is { } number && number >= (ulong)minimum && number <= (ulong)maximum)
        {
            return (int)number;
        }
        faults.Add(FieldFault.Of(name, value, string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}")));
        return null;
    }

    private bool Truth(string name, List<FieldFault> faults)
    {
        if (Take(name) is not { } value)
        {
            return false;
        }
        if (value is JsonValue truth && truth.TryGetValue(out bool read))
        {
            return read;
        }
        faults.Add(FieldFault.Of(name, value, "true, false"));
        return false;
    }

    [GeneratedRegex(@"^(\d{1,5})x(\d{1,5})$")]
    private static partial Regex Size();
}
