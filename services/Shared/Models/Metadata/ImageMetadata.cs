using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Models.Metadata;

/// <summary>
/// An image's settings as a request, for every supported program: Brownian, AUTOMATIC1111 and programs with its format (<see cref="A1111Settings"/>),
/// SwarmUI (<see cref="SwarmSettings"/>), ComfyUI (<see cref="ComfySettings"/>). Every setting that is dropped is reported.
/// </summary>
public sealed record ImageMetadata
{
    /// <summary>The request.</summary>
    public required JsonObject Request { get; init; }

    /// <summary>The settings that change the image and are not in the request.</summary>
    public IReadOnlyList<IgnoredSetting> Ignored { get; init; } = [];

    /// <summary>The images that the request needs and the file does not contain. Without them the request would have another task.</summary>
    public IReadOnlyList<MissingImage> Missing { get; init; } = [];

    /// <summary>The hashes of the files of LoRAs and textual inversions, by their names. A hash may be truncated to its first digits.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> AdapterHashes { get; init; } = [];

    /// <summary>The hashes of ControlNets, by their names. They identify the files in the ControlNets' folders.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ControlNetHashes { get; init; } = [];

    /// <summary>Textual inversions that words of the prompt refer to when their files exist.</summary>
    public IReadOnlyList<string> Inversions { get; init; } = [];

    /// <summary>
    /// The number of layers that <c>clip_skip</c> includes and that XL always leaves out; null for settings with this program's own count.
    /// </summary>
    internal int? XlLayers { get; init; }

    /// <summary>Returns the settings text that a file contains, or null when it contains none.</summary>
    /// <param name="bytes">A PNG, JPEG or WebP file.</param>
    /// <exception cref="InvalidDataException">The file has another format, is damaged, or contains data that is not text.</exception>
    public static string? TextIn(ReadOnlySpan<byte> bytes)
    {
        string? text =
            PngText.IsPng(bytes) ? PngText.Read(bytes)
            : ExifComment.IsJpeg(bytes) ? ExifComment.ReadFromJpeg(bytes)
            : ExifComment.IsWebp(bytes) ? ExifComment.ReadFromWebp(bytes)
            : throw new InvalidDataException("is not a PNG, JPEG or WebP file");
        return text is null || CommentText.IsOwn(text) ? text : CommentText.Readable(text);
    }

    /// <summary>Reads the settings text of a file.</summary>
    /// <exception cref="InvalidDataException">The text contains no settings.</exception>
    public static ImageMetadata Read(string text)
    {
        if (CommentText.IsOwn(text))
        {
            return OwnSettings.Read(text);
        }
        if (!text.TrimStart().StartsWith('{'))
        {
            return A1111Settings.Read(text);
        }
        JsonObject json;
        try
        {
            json = RequestJson.Parse(Encoding.UTF8.GetBytes(text.Trim()));
        }
        catch (FieldFaultException exception)
        {
            // A prompt may begin with a brace.
            return A1111Settings.IsOne(text)
                ? A1111Settings.Read(text)
                : throw new InvalidDataException("contains settings in JSON that are damaged: " + exception.Message, exception);
        }
        return SwarmSettings.IsOne(json) ? SwarmSettings.Read(json)
            : ComfySettings.IsOne(json) ? ComfySettings.Read(json)
            : throw new InvalidDataException(
                "contains JSON that is not the settings of an image; known: sui_image_params of SwarmUI, a graph of ComfyUI");
    }

    /// <summary>Converts settings of AUTOMATIC1111 that come as values, as its API has them.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="negative">The negative prompt; null for none.</param>
    /// <param name="values">The other settings, by the names that its images have.</param>
    /// <exception cref="InvalidDataException">A value is of another type.</exception>
    public static ImageMetadata OfA1111(string prompt, string? negative, IReadOnlyDictionary<string, string> values) =>
        A1111Settings.Convert(prompt, negative, values);

    /// <summary>Removes fields from a request that the image's model supported and the request's model does not.</summary>
    /// <param name="request">The request that was made from the settings.</param>
    /// <param name="facts">The facts of the request's model.</param>
    /// <returns>The removed settings; empty for none.</returns>
    public IReadOnlyList<IgnoredSetting> FitTo(JsonObject request, ModelFacts facts)
    {
        var ignored = new List<IgnoredSetting>();
        if (XlLayers is null)
        {
            return ignored;
        }
        foreach (string field in ModelFamilies.ReadsPromptSyntax(facts) ? (string[])[] : ["prompt_syntax", "long_prompt"])
        {
            if (IsUnchanged(field))
            {
                ignored.Add(new IgnoredSetting(field, (string)request[field]!));
                request.Remove(field);
            }
        }
        if (facts.IsXl && IsUnchanged("clip_skip") && request["clip_skip"] is JsonValue skip && skip.TryGetValue(out int layers))
        {
            request["clip_skip"] = Math.Max(0, layers - XlLayers.Value);
        }
        return ignored;

        bool IsUnchanged(string field) => request[field] is { } stated && Request[field] is { } own && JsonNode.DeepEquals(stated, own);
    }
}
