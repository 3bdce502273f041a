using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Models.Families;

/// <summary>
/// An image's settings as text, in the format that AUTOMATIC1111 introduced and other tools read: the prompt, a line <c>Negative prompt: ...</c>, and
/// a line of <c>Name: value</c> pairs. This class adds names for settings that the format has no name for, so that the text contains the whole
/// request.
/// </summary>
public static class Infotext
{
    internal const string NegativePrefix = "Negative prompt: ";
    internal const string StepsPrefix = "Steps: ";

    /// <summary>Fields that are written under names of this format.</summary>
    private static readonly string[] NamedFields =
    [
        "model", "prompt", "negative_prompt", "width", "height", "seeds", "steps", "timesteps", "guidance_scale", "guidance_rescale", "eta",
        "scheduler", "noise", "noise_dtype", "output",
    ];

    /// <summary>Writes readable JSON: only characters that need it are escaped.</summary>
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal const string LoraHashes = "Lora hashes", InversionHashes = "TI hashes", ControlNetHashes = "ControlNet hashes";

    /// <summary>The names of the pairs that contain files' names and hashes, as AUTOMATIC1111 names the first two.</summary>
    internal static readonly string[] HashPairs = [LoraHashes, InversionHashes];

    /// <summary>
    /// The name of the pair that contains the beginning of a checkpoint's SHA-256, by which other tools and catalogues of models find the checkpoint.
    /// </summary>
    internal const string ModelHash = "Model hash";

    /// <summary>The digits that AUTOMATIC1111 writes of a checkpoint's SHA-256.</summary>
    private const int ModelHashDigits = 10;

    /// <summary>The name of the pair that contains the schedule of noise levels.</summary>
    internal const string ScheduleType = "Schedule type";

    /// <summary>The name of the pair that contains a whole request.</summary>
    internal const string Whole = "Request";

    /// <summary>Returns the settings text of one image.</summary>
    /// <param name="request">The resolved request.</param>
    /// <param name="seed">The image's seed.</param>
    public static string Write(ResolvedRequest request, ulong seed) => Template(request).For(seed);

    /// <summary>Returns the settings text that all images of a request share.</summary>
    /// <param name="request">The resolved request.</param>
    public static InfotextTemplate Template(ResolvedRequest request)
    {
        var text = new StringBuilder(request.Prompt);
        if (request.NegativePrompt is { Length: > 0 } negative)
        {
            text.Append('\n').Append(NegativePrefix).Append(negative);
        }
        JsonObject? options = (JsonObject?)request.SchedulerOverrides?.DeepClone();
        SamplerLabel label = SamplerLabel.Of(request.Scheduler, options);
        options?.Remove("_class_name");
        var pairs = new List<(string Name, string Value)>
        {
            ("Steps", Invariant(request.Steps)),
            ("Sampler", label.Sampler),
        };
        if (label.Schedule is { } schedule)
        {
            pairs.Add((ScheduleType, schedule));
        }
        pairs.Add(("CFG scale", Invariant(request.GuidanceScale)));
        string head = text.Append('\n').Append(Line(pairs)).Append(", Seed: ").ToString();
        pairs = [("Size", $"{request.Width}x{request.Height}")];
        if (request.CheckpointSha256 is { Length: >= ModelHashDigits } hash)
        {
            pairs.Add((ModelHash, hash[..ModelHashDigits]));
        }
        pairs.Add(("Model", request.Model));
        if (options is { Count: > 0 })
        {
            pairs.Add(("Sampler options", options.ToJsonString(Readable)));
        }
        if (request.Sampling.Timesteps is { } timesteps)
        {
            pairs.Add(("Timesteps", JsonSerializer.Serialize(timesteps)));
        }
        if (request.GuidanceRescale > 0)
        {
            pairs.Add(("CFG rescale", Invariant(request.GuidanceRescale)));
        }
        if (request.Request.Eta > 0)
        {
            pairs.Add(("Eta", Invariant(request.Request.Eta)));
        }
        if (request.Request.Noise != NoiseKind.TorchCpu)
        {
            pairs.Add(("RNG", NoiseNames.Of(request.Request.Noise)));
        }
        if (request.Request.NoiseDtype != default)
        {
            pairs.Add(("Noise dtype", NoiseNames.Of(request.Request.NoiseDtype)));
        }
        if (request.Prompt.Contains('\n', StringComparison.Ordinal) || (request.NegativePrompt?.Contains('\n', StringComparison.Ordinal) ?? false)
            || IsAmbiguous(request))
        {
            // The format cannot escape line breaks or prefixes within prompts.
            pairs.Add(("Prompts", new JsonArray(request.Prompt, request.NegativePrompt).ToJsonString(Readable)));
        }
        JsonObject also = request.ToJson();
        RemoveFiles(also);
        NameFiles(request, also, pairs);
        if (!request.HasInfotextFields || request.CascadeStages.Count > 0)
        {
            // The pairs above are for readers. Other families store the same settings in fields of their own.
            also.Remove("seeds");
            pairs.Add((Whole, also.ToJsonString(Readable)));
            pairs.Add(("Version", "Brownian " + typeof(Infotext).Assembly.GetName().Version!.ToString(3)));
            return new InfotextTemplate(head, ", " + Line(pairs));
        }
        foreach (string field in NamedFields)
        {
            also.Remove(field);
        }
        if ((string?)also["task"] == RequestTask.TextToImage)
        {
            also.Remove("task");
        }
        if (also.Count > 0)
        {
            pairs.Add(("Also", also.ToJsonString(Readable)));
        }
        pairs.Add(("Version", "Brownian " + typeof(Infotext).Assembly.GetName().Version!.ToString(3)));
        return new InfotextTemplate(head, ", " + Line(pairs));
    }

    /// <summary>Removes the fields that name images and latents: the names are valid on the machine of the request only.</summary>
    private static void RemoveFiles(JsonObject also)
    {
        foreach ((_, JsonValue file) in RequestSchema.FilesIn(also).ToArray())
        {
            // A list goes as a whole.
            JsonNode field = file.Parent is JsonArray list ? list : file;
            (field.Parent as JsonObject)?.Remove(field.GetPropertyName());
        }
    }

    /// <summary>
    /// Replaces files' paths by their names, and adds their hashes. An image's file then does not reveal where its author stores files, and it is the
    /// same for every spelling of a path.
    /// </summary>
    private static void NameFiles(ResolvedRequest request, JsonObject also, List<(string Name, string Value)> pairs)
    {
        Rename("loras", request.Adapters?.Loras.Select(lora => lora.FileName ?? lora.File));
        Rename("textual_inversions", request.Adapters?.TextualInversions.Select(inversion => inversion.FileName ?? inversion.File));
        if (also["controlnets"] is JsonArray controlNets)
        {
            also["controlnets"] = new JsonArray([.. controlNets.Select(net => JsonValue.Create(AdapterNames.FileNameOf((string)net!)))]);
        }
        Add(LoraHashes, request.Adapters?.Loras.Select(lora => (lora.File, lora.Sha256)));
        Add(InversionHashes, request.Adapters?.TextualInversions.Select(inversion => (inversion.File, inversion.Sha256)));
        Add(ControlNetHashes, request.Controls.Select(control => (control.Net.Name, control.Net.Fingerprint)));

        void Rename(string field, IEnumerable<string>? files)
        {
            foreach ((JsonNode? adapter, string file) in (also[field] as JsonArray ?? []).Zip(files ?? []))
            {
                adapter!["file"] = AdapterNames.FileNameOf(file);
            }
        }

        void Add(string pair, IEnumerable<(string File, string? Hash)>? files)
        {
            const int Digits = 12;
            string[] hashes =
            [
                .. from file in files ?? []
                   where file.Hash is { Length: >= Digits }
                   select $"{AdapterNames.NameOf(file.File)}: {file.Hash[..Digits]}",
            ];
            if (hashes.Length > 0)
            {
                pairs.Add((pair, string.Join(", ", hashes)));
            }
        }
    }

    private static string Line(IEnumerable<(string Name, string Value)> pairs) =>
        string.Join(", ", pairs.Select(pair => $"{pair.Name}: {Quote(pair.Value)}"));

    /// <summary>Returns whether a prompt begins like one of the format's own lines.</summary>
    private static bool IsAmbiguous(ResolvedRequest request) =>
        request.Prompt.StartsWith(NegativePrefix, StringComparison.Ordinal)
        || request.Prompt.StartsWith(StepsPrefix, StringComparison.Ordinal)
        // XL treats a missing negative prompt and an empty one differently.
        || request is { NegativePrompt: "", TimeIds: not null };

    /// <summary>Quotes a value as AUTOMATIC1111 does: values with a comma, colon or line break are JSON strings.</summary>
    private static string Quote(string value) => value.AsSpan().IndexOfAny(",:\n\"") < 0 ? value : JsonSerializer.Serialize(value, Readable);

    private static string Invariant(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
