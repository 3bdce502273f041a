using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Imaging.Preparation;

/// <summary>
/// Prepares images for CLIP's vision encoders (<c>image_processing_clip.py</c> in transformers): resize by the shortest side, center crop, mean and
/// standard deviation.
/// </summary>
/// <param name="ShortestEdge">The length that the shorter side is resized to (bicubic), in pixels, at least <paramref name="Crop"/>.</param>
/// <param name="Crop">The side of the square that is cropped from the center, in pixels, at least 1.</param>
/// <param name="Mean">The means of red, green and blue in [0, 1].</param>
/// <param name="Deviation">The standard deviations of red, green and blue, above 0.</param>
public sealed record ClipPreparation(int ShortestEdge, int Crop, IReadOnlyList<float> Mean, IReadOnlyList<float> Deviation)
{
    /// <summary>OpenAI's values: 224 pixels.</summary>
    public static ClipPreparation OpenAi { get; } =
        new(224, 224, [0.48145466f, 0.4578275f, 0.40821073f], [0.26862954f, 0.26130258f, 0.27577711f]);

    /// <summary>Reads a model's <c>feature_extractor/preprocessor_config.json</c>; returns OpenAI's values when it does not exist.</summary>
    /// <exception cref="ModelException">The file specifies something other than a resized shortest edge and a square center crop.</exception>
    public static ClipPreparation Read(string folder)
    {
        string file = Path.Combine(folder, "feature_extractor", "preprocessor_config.json");
        if (JsonFile.ReadIfThere(file) is not { } json)
        {
            return OpenAi;
        }
        int edge = Side("size", "shortest_edge") ?? OpenAi.ShortestEdge, crop = Side("crop_size", "height") ?? OpenAi.Crop;
        float[] mean = Numbers("image_mean") ?? [.. OpenAi.Mean], deviation = Numbers("image_std") ?? [.. OpenAi.Deviation];
        return crop >= 1 && crop <= edge && edge <= 4096 && mean.Length == 3 && deviation.Length == 3 && deviation.All(value => value > 0)
            ? new ClipPreparation(edge, crop, mean, deviation)
            : throw new ModelException(
                $"{file} is not a preparation for CLIP: a square of {crop} pixels from a shortest edge of {edge}, {mean.Length} "
                    + $"means and {deviation.Length} deviations");

        int? Side(string name, string within) => JsonFile.Integer(json[name] is JsonObject sides ? sides[within] : json[name]);

        float[]? Numbers(string name) =>
            json[name] is JsonArray numbers && numbers.All(number => number is JsonValue value && value.TryGetValue(out double _))
            ? [.. numbers.Select(number => (float)number!.GetValue<double>())]
            : null;
    }

    /// <summary>Converts an image to a tensor.</summary>
    /// <param name="image">An image of 1, 3 or 4 channels; alpha is dropped first.</param>
    /// <returns>[1, 3, crop, crop], (level / 255 - mean) / deviation.</returns>
    /// <exception cref="ArgumentException">The record's values are invalid.</exception>
    /// <exception cref="InvalidDataException">The image's longer side would be above 65,535 pixels.</exception>
    public Tensor Prepare(Raster image)
    {
        if (Crop < 1 || ShortestEdge < Crop || Mean.Count != 3 || Deviation.Count != 3 || Deviation.Any(value => !(value > 0)))
        {
            throw new ArgumentException(
                $"A square of {Crop} pixels from a shortest edge of {ShortestEdge}, {Mean.Count} means and {Deviation.Count} "
                    + $"deviations above 0 are not a preparation for CLIP");
        }
        int shorter = Math.Min(image.Width, image.Height);
        long longer = (long)ShortestEdge * Math.Max(image.Width, image.Height) / shorter;
        if (longer > ImageInspector.MaxSide)
        {
            throw new InvalidDataException($"is {image.Width}x{image.Height} pixels, too narrow to be resized to {ShortestEdge} on the shorter side");
        }
        (int width, int height) = image.Width <= image.Height ? (ShortestEdge, (int)longer) : ((int)longer, ShortestEdge);
        PixelImage rgb = Resampler.Resize(image.ToRgb(), width, height, ResampleFilter.Bicubic).ToRgb();
        int left = (width - Crop) / 2, top = (height - Crop) / 2, plane = Crop * Crop;
        var values = new float[3 * plane];
        for (int y = 0; y < Crop; y++)
        {
            ReadOnlySpan<byte> row = rgb.Row(top + y).Slice(3 * left, 3 * Crop);
            for (int channel = 0; channel < 3; channel++)
            {
                Span<float> to = values.AsSpan(channel * plane + y * Crop, Crop);
                for (int x = 0; x < Crop; x++)
                {
                    to[x] = (row[3 * x + channel] / 255f - Mean[channel]) / Deviation[channel];
                }
            }
        }
        return new Tensor(values, [1, 3, Crop, Crop]);
    }
}
