using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Models.Families;

/// <summary>
/// An image's settings as text, in the form that AUTOMATIC1111 began and other tools read: the prompt, a line
/// <c>Negative prompt: ...</c>, and a line of <c>Name: value</c> pairs. What that form has no name for is named here; together they
/// give the whole request back.
/// </summary>
public static class Infotext
{
    internal const string NegativePrefix = "Negative prompt: ";
    internal const string StepsPrefix = "Steps: ";

    private static readonly string[] Files = ["init_image", "mask", "init_latents", "control_image"];

    /// <summary>Fields that have names of their own here, or name files of a machine: images, and latents.</summary>
    private static readonly string[] NamedFields =
    [
        "model", "prompt", "negative_prompt", "width", "height", "seeds", "steps", "timesteps", "guidance_scale", "guidance_rescale", "eta",
        "scheduler", "noise", "noise_dtype", "output", .. Files,
    ];

    /// <summary>JSON as people read it: what has no need to be escaped is not.</summary>
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal const string LoraHashes = "Lora hashes", InversionHashes = "TI hashes", ControlNetHashes = "ControlNet hashes";

    /// <summary>Pairs of files' names and what they hash to, as AUTOMATIC1111 calls the first two.</summary>
    internal static readonly string[] HashPairs = [LoraHashes, InversionHashes];

    /// <summary>The pair that holds a whole request.</summary>
    internal const string Whole = "Request";

    /// <summary>The settings of one image.</summary>
    /// <param name="request">What was done.</param>
    /// <param name="seed">The image's seed.</param>
    public static string Write(ResolvedRequest request, ulong seed) => Template(request).For(seed);

    /// <summary>The settings of all images of a request.</summary>
    /// <param name="request">What was done.</param>
    public static InfotextTemplate Template(ResolvedRequest request)
    {
        var text = new StringBuilder(request.Prompt);
        if (request.NegativePrompt is { Length: > 0 } negative)
        {
            text.Append('\n').Append(NegativePrefix).Append(negative);
        }
        JsonObject? options = (JsonObject?)request.SchedulerOverrides?.DeepClone();
        string? name = (string?)options?["_class_name"];
        options?.Remove("_class_name");
        var pairs = new List<(string Name, string Value)>
        {
            ("Steps", Invariant(request.Steps)),
            ("Sampler", name is null ? (string)request.Scheduler["_class_name"]! : Label(name)),
            ("CFG scale", Invariant(request.GuidanceScale)),
        };
        string head = text.Append('\n').Append(Line(pairs)).Append(", Seed: ").ToString();
        pairs =
        [
            ("Size", $"{request.Width}x{request.Height}"),
            ("Model", request.Model),
        ];
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
            // The form has no escapes for the prompts themselves.
            pairs.Add(("Prompts", new JsonArray(request.Prompt, request.NegativePrompt).ToJsonString(Readable)));
        }
        JsonObject also = request.ToJson();
        (also["interpolate"] as JsonObject)?.Remove("images");
        NameFiles(request, also, pairs);
        if (!request.HasInfotextFields || request.CascadeStages.Count > 0)
        {
            // The pairs above are for people: other families say the same in fields of their own.
            foreach (string file in Files.Append("seeds"))
            {
                also.Remove(file);
            }
            pairs.Add((Whole, also.ToJsonString(Readable)));
            pairs.Add(("Version", "Brownian " + typeof(Infotext).Assembly.GetName().Version!.ToString(3)));
            return new InfotextTemplate(head, ", " + Line(pairs));
        }
        foreach (string said in NamedFields)
        {
            also.Remove(said);
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

    /// <summary>
    /// Files by their names alone, with what they hash to beside them: so an image's file does not tell where its maker keeps files, and is the
    /// same however a path was spelled.
    /// </summary>
    private static void NameFiles(ResolvedRequest request, JsonObject also, List<(string Name, string Value)> pairs)
    {
        Rename("loras", request.Adapters?.Loras.Select(lora => lora.FileName ?? lora.File));
        Rename("textual_inversions", request.Adapters?.TextualInversions.Select(inversion => inversion.FileName ?? inversion.File));
        if (also["controlnets"] is JsonArray nets)
        {
            also["controlnets"] = new JsonArray([.. nets.Select(net => JsonValue.Create(AdapterNames.FileNameOf((string)net!)))]);
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

    /// <summary>A short name as people write it: euler_a is "Euler a", dpm++_2m_karras "DPM++ 2M Karras".</summary>
    private static string Label(string name) => SchedulerCatalog.Names.Any(known => known.Name == name)
        ? string.Join(' ', name.Split('_').Select((word, i) => word switch
        {
            "a" => word,
            "euler" or "heun" or "karras" or "exponential" or "beta" => char.ToUpperInvariant(word[0]) + word[1..],
            _ => word.ToUpperInvariant(),
        }))
        : name;

    /// <summary>Whether a prompt looks like one of the form's own lines.</summary>
    private static bool IsAmbiguous(ResolvedRequest request) =>
        request.Prompt.StartsWith(NegativePrefix, StringComparison.Ordinal)
        || request.Prompt.StartsWith(StepsPrefix, StringComparison.Ordinal)
        // To XL no negative prompt and an empty one are not the same.
        || request is { NegativePrompt: "", TimeIds: not null };

    /// <summary>AUTOMATIC1111 puts values with a comma, colon or line break into JSON's quotes.</summary>
    private static string Quote(string value) => value.AsSpan().IndexOfAny(",:\n\"") < 0 ? value : JsonSerializer.Serialize(value, Readable);

    private static string Invariant(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
