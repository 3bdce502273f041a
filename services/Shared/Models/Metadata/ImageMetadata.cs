using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Models.Metadata;

/// <summary>
/// An image's settings as a request, whichever program wrote them: Brownian, AUTOMATIC1111 and what writes its form (<see cref="A1111Settings"/>),
/// SwarmUI (<see cref="SwarmSettings"/>), ComfyUI (<see cref="ComfySettings"/>). Nothing is left out without being named.
/// </summary>
public sealed record ImageMetadata
{
    /// <summary>The request.</summary>
    public required JsonObject Request { get; init; }

    /// <summary>What changes the image and is not in the request.</summary>
    public IReadOnlyList<UntakenSetting> Untaken { get; init; } = [];

    /// <summary>The images without which the request would be one of another kind.</summary>
    public IReadOnlyList<MissingImage> Missing { get; init; } = [];

    /// <summary>What the files of LoRAs and textual inversions hashed to, by their names; the first digits.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> AdapterHashes { get; init; } = [];

    /// <summary>The same of ControlNets: what tells the files in their folders from others.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ControlNetHashes { get; init; } = [];

    /// <summary>Textual inversions that the prompt's words stand for, where their files are found.</summary>
    public IReadOnlyList<string> Inversions { get; init; } = [];

    /// <summary>Layers that a clip_skip counts and that XL leaves out anyway; null for those of this program's own count.</summary>
    internal int? XlLayers { get; init; }

    /// <summary>The text of settings that a file carries, or null where it carries none.</summary>
    /// <param name="bytes">A PNG, JPEG or WebP file.</param>
    /// <exception cref="InvalidDataException">It is none of these, or is damaged, or carries what cannot be read as text.</exception>
    public static string? TextIn(ReadOnlySpan<byte> bytes)
    {
        string? text =
            PngText.IsPng(bytes) ? PngText.Read(bytes)
            : ExifComment.IsJpeg(bytes) ? ExifComment.ReadFromJpeg(bytes)
            : ExifComment.IsWebp(bytes) ? ExifComment.ReadFromWebp(bytes)
            : throw new InvalidDataException("is not a PNG, JPEG or WebP file");
        return text is null || CommentText.IsOwn(text) ? text : CommentText.Readable(text);
    }

    /// <summary>Reads the text that a file carries.</summary>
    /// <exception cref="InvalidDataException">It is no settings.</exception>
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
                : throw new InvalidDataException("carries settings in JSON that are damaged: " + exception.Message, exception);
        }
        return SwarmSettings.IsOne(json) ? SwarmSettings.Read(json)
            : ComfySettings.IsOne(json) ? ComfySettings.Read(json)
            : throw new InvalidDataException("carries JSON that is no picture's settings; known: sui_image_params of SwarmUI, a graph of ComfyUI");
    }

    /// <summary>Takes out of a request what the image's model reads and the request's does not.</summary>
    /// <param name="request">The request that was made of the settings.</param>
    /// <param name="facts">Its model's.</param>
    /// <returns>What was taken out; empty for nothing.</returns>
    public IReadOnlyList<UntakenSetting> FitTo(JsonObject request, ModelFacts facts)
    {
        var untaken = new List<UntakenSetting>();
        if (XlLayers is null)
        {
            return untaken;
        }
        foreach (string field in ModelFamilies.ReadsPromptSyntax(facts) ? (string[])[] : ["prompt_syntax", "long_prompt"])
        {
            if (IsOurs(field))
            {
                untaken.Add(new UntakenSetting(field, (string)request[field]!));
                request.Remove(field);
            }
        }
        if (facts.IsXl && IsOurs("clip_skip") && request["clip_skip"] is JsonValue skip && skip.TryGetValue(out int layers))
        {
            request["clip_skip"] = Math.Max(0, layers - XlLayers.Value);
        }
        return untaken;

        bool IsOurs(string field) => request[field] is { } said && Request[field] is { } own && JsonNode.DeepEquals(said, own);
    }
}
