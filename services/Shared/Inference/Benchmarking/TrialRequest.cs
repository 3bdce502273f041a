using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Inference.Benchmarking;

/// <summary>
/// A request by which a model is tried: a prompt, a made picture, or both, whatever the model takes, and few steps. It is found by resolving
/// candidates, so that it holds for every family.
/// </summary>
/// <param name="Request">The request, resolved for the model.</param>
/// <param name="Files">The files of the request's images, by their ids.</param>
public sealed record TrialRequest(ResolvedRequest Request, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files)
{
    /// <summary>The side of the made picture of models that enlarge it.</summary>
    private const int EnlargedSide = 64;

    /// <summary>The margin of a mask, as a part of its side.</summary>
    private const int MaskMargin = 8;

    /// <summary>The strength with which few steps of a model that changes images little are more than none.</summary>
    private const double TrialStrength = 0.8;

    private const string Strength = "strength", Prompt = "prompt", InitImage = "init_image", Mask = "mask", Task = "task";

    /// <summary>The inputs that are tried, the most common first.</summary>
    private static readonly (string[] Fields, string? Task)[] Inputs =
    [
        ([Prompt], null),
        ([Prompt, InitImage], null),
        ([Prompt, InitImage, Mask], null),
        ([Prompt, InitImage], RequestTask.Upscale),
        ([InitImage], RequestTask.Upscale),
        ([InitImage], RequestTask.Variation),
    ];

    /// <summary>The fields of numbers of steps that are tried. A model without steps has no seed either.</summary>
    private static readonly string[][] StepFields =
        [["steps"], ["steps", Strength], ["prior_steps", "decoder_steps"], ["decoder_steps"], []];

    /// <summary>Finds and resolves a request.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="steps">The number of steps, where the model has steps.</param>
    /// <param name="maxSide">The usual size is halved until it is not larger, where the model draws such sizes.</param>
    /// <exception cref="FieldFaultException">The model takes none of the candidates; the faults are those of the prompt alone.</exception>
    public static TrialRequest Resolve(ModelCard model, string prompt, ulong seed, int steps, int maxSide)
    {
        int usual = ModelFamilies.Upscales(model.Facts)
            ? EnlargedSide
            : model.Defaults.Width ?? model.Facts.SampleSize * (model.Facts.Scale ?? 1), small = usual;
        while (small > maxSide)
        {
            small /= 2;
        }
        // Models of one size refuse another, and some refuse to be told theirs. A made picture has its side, and nothing else tells it.
        (int Side, bool IsStated)[] drawn = [(small, true), (small, false), (usual, false)], given = [(small, false), (usual, false)];
        var pictures = new Dictionary<int, byte[]>();
        FieldFaultException? first = null;
        foreach ((string[] fields, string? task) in Inputs)
        {
            foreach (string[] stepFields in StepFields)
            {
                foreach ((int side, bool isStated) in fields.Contains(InitImage) ? given : drawn)
                {
                    JsonObject request = Build(fields, task, stepFields, prompt, seed, steps);
                    if (isStated)
                    {
                        request["width"] = side;
                        request["height"] = side;
                    }
                    try
                    {
                        return Try(model, request, fields, side, pictures);
                    }
                    catch (FieldFaultException exception)
                    {
                        first ??= exception;
                    }
                }
            }
        }
        throw first!;
    }

    private static JsonObject Build(string[] fields, string? task, string[] stepFields, string prompt, ulong seed, int steps)
    {
        var request = new JsonObject();
        if (stepFields.Length > 0)
        {
            request["seed"] = seed;
        }
        if (task is not null)
        {
            request[Task] = task;
        }
        if (fields.Contains(Prompt))
        {
            request[Prompt] = prompt;
        }
        foreach (string field in stepFields)
        {
            request[field] = field == Strength ? TrialStrength : steps;
        }
        return request;
    }

    private static TrialRequest Try(ModelCard model, JsonObject request, string[] fields, int side, Dictionary<int, byte[]> pictures)
    {
        var files = new Dictionary<string, ReadOnlyMemory<byte>>();
        var images = new RequestImages();
        if (fields.Contains(InitImage))
        {
            if (!pictures.TryGetValue(side, out byte[]? picture))
            {
                pictures[side] = picture = FileOf(PictureOf(side));
            }
            images = images with { InitImage = Add(InitImage, picture) };
        }
        if (fields.Contains(Mask))
        {
            images = images with { Mask = Add(Mask, FileOf(MaskOf(side))) };
        }
        return new TrialRequest(ModelFamilies.Resolve(RequestReader.Read(request), images, [model]), files);

        RequestImage Add(string field, byte[] file)
        {
            string id = RequestImages.ContentOf(file);
            files[id] = file;
            request[field] = id;
            return new RequestImage(id, side, side) { Content = id };
        }
    }

    private static byte[] FileOf(PixelImage image) => ImageWriter.Encode(image, new OutputSettings(), "");

    /// <summary>Draws a disc on a gradient.</summary>
    private static PixelImage PictureOf(int side) => Draw(side, (x, y) =>
        Math.Sqrt(Math.Pow(x - side / 2.0, 2) + Math.Pow(y - side / 2.0, 2)) < side / 4.0
            ? ((byte)200, (byte)60, (byte)40)
            : ((byte)(255 * x / side), (byte)(255 * y / side), (byte)140));

    /// <summary>Draws a white square with a black margin.</summary>
    private static PixelImage MaskOf(int side) => Draw(side, (x, y) =>
    {
        int margin = side / MaskMargin;
        byte level = x >= margin && y >= margin && x < side - margin && y < side - margin ? byte.MaxValue : byte.MinValue;
        return (level, level, level);
    });

    private static PixelImage Draw(int side, Func<int, int, (byte Red, byte Green, byte Blue)> color)
    {
        byte[] rgb = new byte[3 * side * side];
        for (int i = 0; i < side * side; i++)
        {
            (rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]) = color(i % side, i / side);
        }
        return new PixelImage(side, side, rgb);
    }
}
