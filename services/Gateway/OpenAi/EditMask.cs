using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Gateway.Requests;

namespace Brownian.Gateway.OpenAi;

/// <summary>
/// The masks of OpenAI's edits, which are PNG files: a mask's transparent area is edited, and without a mask the image's own. A request's mask is
/// white there.
/// </summary>
internal static class EditMask
{
    /// <summary>Replaces a request's mask, if it has one, by one that means the same to a request.</summary>
    public static void Apply(JsonObject request, List<FieldFault> faults)
    {
        try
        {
            if (request["mask"] is { } given)
            {
                request["mask"] = TextOf(given) is { } mask && Read(mask) is { } image
                    ? Of(image) ?? throw new InvalidDataException("has no transparent area; that area is the one that is edited")
                    : throw new InvalidDataException("is no PNG file");
            }
            else if (request["init_image"] is { } first && TextOf(first) is { } url && Read(url) is { } picture && Of(picture) is { } own)
            {
                request["mask"] = own;
            }
        }
        catch (InvalidDataException exception)
        {
            string field = request["mask"] is null ? "image" : "mask";
            faults.Add(new FieldFault(field, exception.Message));
            request.Remove(field == "mask" ? "mask" : "init_image");
        }
    }

    private static string? TextOf(JsonNode node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    /// <summary>Returns the PNG image of a data URL; null for other images, and for other texts, such as the id of an upload.</summary>
    private static Raster? Read(string text) => DataUrl.TryRead(text, out byte[] bytes) && PngText.IsPng(bytes) ? PngReader.Read(bytes) : null;

    /// <summary>Returns a mask that is white where an image is transparent, as a data URL; null for an image that is opaque.</summary>
    private static string? Of(Raster image)
    {
        if (image.Channels != 4)
        {
            return null;
        }
        var grey = new byte[image.Width * image.Height];
        bool isOpaque = true;
        for (int i = 0; i < grey.Length; i++)
        {
            const int Alpha = 3;
            grey[i] = (byte)(byte.MaxValue - image.Pixels[(4 * i) + Alpha]);
            isOpaque &= grey[i] == 0;
        }
        return isOpaque ? null
            : "data:image/png;base64," + Convert.ToBase64String(PngWriter.Encode(new Raster(image.Width, image.Height, 1, grey)));
    }
}
