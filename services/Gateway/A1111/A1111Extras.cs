using System.Text.Json.Nodes;
using Brownian.Models.Facts;
using Brownian.Models.Metadata;
using Brownian.Requests;

namespace Brownian.Gateway.A1111;

/// <summary><c>extra-single-image</c>, <c>extra-batch-images</c> and <c>png-info</c> of AUTOMATIC1111's API.</summary>
/// <param name="images">Runs jobs.</param>
/// <param name="catalog">The upscalers.</param>
internal sealed class A1111Extras(A1111Images images, A1111Catalog catalog)
{
    private static readonly string[] NotDone = ["gfpgan_visibility", "codeformer_visibility", "extras_upscaler_2_visibility"];

    /// <summary>Makes an image larger.</summary>
    public async Task<JsonObject> OneAsync(JsonObject body, HttpContext context)
    {
        var faults = new List<FieldFault>();
        byte[] file = new A1111Body(body, faults).Image("image", body["image"]) ?? [];
        byte[] made = await EnlargeAsync(body, [("image", file)], faults, context) is [var only] ? only : [];
        return new JsonObject { ["html_info"] = "", ["image"] = Convert.ToBase64String(made) };
    }

    /// <summary>Makes several images larger.</summary>
    public async Task<JsonObject> ManyAsync(JsonObject body, HttpContext context)
    {
        var faults = new List<FieldFault>();
        var fields = new A1111Body(body, faults);
        (string Field, byte[] File)[] files =
        [
            .. fields.List("imageList").Select((entry, i) =>
            {
                string field = string.Create(CultureInfo.InvariantCulture, $"imageList[{i}].data");
                return (field, fields.Image(field, (entry as JsonObject)?["data"]) ?? []);
            }),
        ];
        byte[][] made = await EnlargeAsync(body, files, faults, context);
        return new JsonObject
        {
            ["html_info"] = "",
            ["images"] = new JsonArray([.. made.Select(image => (JsonNode)Convert.ToBase64String(image))]),
        };
    }

    /// <summary>Returns the settings in an image.</summary>
    public static JsonObject Info(JsonObject body)
    {
        var faults = new List<FieldFault>();
        byte[] file = new A1111Body(body, faults).Image("image", body["image"]) ?? [];
        string? text = null;
        try
        {
            text = faults.Count == 0 ? ImageMetadata.TextIn(file) : null;
        }
        catch (InvalidDataException exception)
        {
            faults.Add(new FieldFault("image", exception.Message));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        var items = new JsonObject();
        if (text is not null)
        {
            items["parameters"] = text;
        }
        JsonObject parameters = [];
        try
        {
            parameters = text is null ? parameters : (JsonObject)ImageMetadata.Read(text).Request.DeepClone();
        }
        catch (InvalidDataException)
        {
            // The text is shown as it is.
        }
        return new JsonObject { ["info"] = text ?? "", ["items"] = items, ["parameters"] = parameters };
    }

    private async Task<byte[][]> EnlargeAsync(JsonObject body, (string Field, byte[] File)[] files, List<FieldFault> faults, HttpContext context)
    {
        var fields = new A1111Body(body, faults);
        string upscaler = fields.Text("upscaler_1") ?? "None";
        IReadOnlyList<ModelCard> known = await catalog.UpscalerModelsAsync(context.RequestAborted);
        ModelCard? model = known.FirstOrDefault(card => card.Name == upscaler);
        if (model is null)
        {
            string allowed = known.Count == 0 ? "the name of an upscaler, of which none is served"
                : string.Join(", ", known.Select(card => card.Name));
            faults.Add(FieldFault.Of("upscaler_1", upscaler, allowed, Spelling.Hint(upscaler, known.Select(card => card.Name))));
        }
        if (fields.Text("upscaler_2") is { } second and not ("None" or ""))
        {
            faults.Add(FieldFault.Of("upscaler_2", second, "None"));
        }
        foreach (string field in NotDone)
        {
            if (fields.Number(field) is { } share and not 0)
            {
                faults.Add(FieldFault.Of(field, share, "0: faces are not restored, and one upscaler is used"));
            }
        }
        // A model makes an image larger by its own scale; the gateway resizes nothing.
        if (fields.Number("resize_mode") is 1)
        {
            faults.Add(FieldFault.Of("resize_mode", 1, "0: by the scale of the upscaler"));
        }
        if ((fields.Number("upscaling_resize") ?? 2) is var scale && model is not null && scale != model.Facts.Scale)
        {
            faults.Add(FieldFault.Of("upscaling_resize", scale, $"{model.Facts.Scale}, the scale of {model.Name}"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        var made = new List<byte[]>();
        foreach ((_, byte[] file) in files)
        {
            var request = new JsonObject
            {
                ["task"] = RequestTask.Upscale,
                ["model"] = upscaler,
                ["init_image"] = "data:image/png;base64," + Convert.ToBase64String(file),
            };
            made.AddRange(await images.RunAsync(request, context));
        }
        return [.. made];
    }
}
