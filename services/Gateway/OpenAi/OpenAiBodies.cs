using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Gateway.Requests;
using Brownian.Gateway.Uploads;
using Brownian.Requests;
using Brownian.Requests.Schema;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Brownian.Gateway.OpenAi;

/// <summary>
/// Reads the bodies of OpenAI's calls: JSON, or a form whose files become data URLs and whose other fields become what JSON would have in their
/// place.
/// </summary>
internal static class OpenAiBodies
{
    /// <summary>The most bytes of a body.</summary>
    public const int MaxBytes = UploadService.MaxImageBytes;

    private const string Json = "application/json", Form = "multipart/form-data";

    /// <summary>OpenAI's own fields that are no texts.</summary>
    private static readonly string[] Values = ["n", "output_compression", "partial_images", "stream"];

    /// <summary>Reads a body.</summary>
    /// <exception cref="FieldFaultException">The body is of another type, too large, or damaged.</exception>
    /// <exception cref="BadHttpRequestException">The body does not arrive as it should.</exception>
    public static async Task<JsonObject> ReadAsync(HttpContext context, OpenAiCall call)
    {
        string type = (context.Request.ContentType ?? "").Split(';')[0].Trim().ToLowerInvariant();
        return type == Json ? await JsonBodies.ReadObjectAsync(context, MaxBytes)
            : type == Form && call != OpenAiCall.Generation ? await ReadFormAsync(context)
            : throw new OpenAiException(
                StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", null,
                FieldFault.Of("Content-Type", context.Request.ContentType, call == OpenAiCall.Generation ? Json : $"{Form}, or {Json}").ToString());
    }

    private static async Task<JsonObject> ReadFormAsync(HttpContext context)
    {
        // In memory, not in files of the disk: containers may have none to write to.
        var feature = new FormFeature(context.Request, new FormOptions
        {
            MemoryBufferThreshold = MaxBytes,
            BufferBodyLengthLimit = MaxBytes,
            MultipartBodyLengthLimit = MaxBytes,
            ValueLengthLimit = MaxBytes,
            ValueCountLimit = 256,
        });
        IFormCollection form;
        try
        {
            form = await feature.ReadFormAsync(context.RequestAborted);
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("request", $"is a form that cannot be read: {exception.Message}"));
        }
        var body = new JsonObject();
        foreach ((string name, StringValues values) in form)
        {
            // SDKs write lists as name[].
            bool isList = name.EndsWith("[]", StringComparison.Ordinal);
            JsonNode?[] all = [.. values.Select(value => ToJson(name, value ?? ""))];
            body[isList ? name[..^2] : name] = isList || all.Length > 1 ? new JsonArray(all) : all[0];
        }
        foreach (IGrouping<string, IFormFile> files in form.Files.GroupBy(file => file.Name.Replace("[]", "", StringComparison.Ordinal)))
        {
            string[] urls = [.. files.Select(DataUrlOf)];
            body[files.Key] = urls.Length == 1 ? urls[0] : new JsonArray([.. urls.Select(url => (JsonNode)url)]);
        }
        return body;
    }

    private static JsonNode? ToJson(string name, string text)
    {
        if (!Values.Contains(name)
            && RequestSchema.Find(name)?.Declared is null or TextFieldAttribute or ChoiceFieldAttribute or SchedulerFieldAttribute)
        {
            return text;
        }
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            // The reader of the request says what is allowed.
            return text;
        }
    }

    private static string DataUrlOf(IFormFile file)
    {
        using Stream content = file.OpenReadStream();
        var bytes = new byte[file.Length];
        content.ReadExactly(bytes);
        return "data:application/octet-stream;base64," + Convert.ToBase64String(bytes);
    }
}
