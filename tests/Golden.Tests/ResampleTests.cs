using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging;
using Brownian.Imaging.Preparation;

namespace Brownian.Golden.Tests;

/// <summary>Every case of the preparation of images: images byte for byte, numbers to 2e-5.</summary>
public sealed class ResampleTests
{
    private const float Tolerance = 2e-5f;

    private static readonly string Folder = Path.Combine(GoldenCase.Data, "resample");

    private static readonly Dictionary<string, JsonObject> All = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "cases.json")))!["cases"]!
        .AsArray().ToDictionary(golden => golden!["name"]!.GetValue<string>(), golden => golden!.AsObject());

    public static TheoryData<string> Cases => [.. All.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_prepared_image_equals_the_references(string name)
    {
        JsonObject golden = All[name];
        switch ((string)golden["op"]!)
        {
            case "resize":
                AssertImage(golden, Resampler.Resize(Source(golden), Number(golden, "width"), Number(golden, "height"), Filter(golden)));
                break;
            case "vae-resize":
                AssertImage(
                    golden,
                    new VaePreparation(Filter: Filter(golden))
                        .Resize(Source(golden), Number(golden, "width"), Number(golden, "height"), Mode(golden)));
                break;
            case "to-grey":
                AssertImage(golden, Source(golden).ToGrey());
                break;
            case "to-rgb":
                AssertImage(golden, Source(golden).ToRgb());
                break;
            case "blur":
                AssertImage(golden, GaussianBlur.Apply(Source(golden), Number(golden, "blur_factor")));
                break;
            case "preprocess":
                AssertTensor(
                    golden,
                    new VaePreparation(Number(golden, "multiple")).Prepare(
                        Source(golden), Number(golden, "width"), Number(golden, "height"), normalize: golden["normalize"]!.GetValue<bool>()));
                break;
            case "preprocess-mask":
                AssertTensor(golden, Mask(golden, Source(golden), Number(golden, "multiple")));
                break;
            case "blur-then-preprocess-mask":
                AssertTensor(golden, Mask(golden, GaussianBlur.Apply(Source(golden), Number(golden, "blur_factor")), Number(golden, "multiple")));
                break;
            case "preprocess-mask-then-nearest":
                AssertTensor(
                    golden,
                    Interpolation.Resize(
                        Mask(golden, Source(golden), 8), Number(golden, "latent_height"), Number(golden, "latent_width"), InterpolationMode.Nearest));
                break;
            case "crop-region":
                Assert.Equal(
                    Region(golden["expected"]!),
                    CropRegion.Around(Source(golden), Number(golden, "width"), Number(golden, "height"), Number(golden, "pad")));
                break;
            case "overlay":
                AssertImage(
                    golden,
                    MaskOverlay.Apply(Image(golden, "mask"), Image(golden, "init_image"), Image(golden, "generated"), Region(golden["crop"]!)));
                break;
            case "clip-preprocess":
                var clip =
                    new ClipPreparation(Number(golden, "shortest_edge"), Number(golden, "crop"), Numbers(golden, "mean"), Numbers(golden, "std"));
                AssertTensor(golden, clip.Prepare(Source(golden)));
                break;
            case "interpolate":
                Tensor resized = Interpolation.Resize(
                    NpyFile.Read(Path.Combine(Folder, (string)golden["source"]!)),
                    golden["size"]![0]!.GetValue<int>(),
                    golden["size"]![1]!.GetValue<int>(),
                    Enum.Parse<InterpolationMode>((string)golden["mode"]!, ignoreCase: true),
                    golden["align_corners"]?.GetValue<bool>() ?? false,
                    golden["antialias"]!.GetValue<bool>());
                AssertTensor(golden, resized);
                break;
            default:
                Assert.Fail($"{golden["op"]} is unknown");
                break;
        }
    }

    private static Tensor Mask(JsonObject golden, Raster mask, int multiple) =>
        new VaePreparation(multiple).PrepareMask(mask, Number(golden, "width"), Number(golden, "height"));

    private static Raster Source(JsonObject golden) => Image(golden, "source");

    private static Raster Image(JsonObject golden, string key) => ImageReader.Read(File.ReadAllBytes(Path.Combine(Folder, (string)golden[key]!)));

    private static int Number(JsonObject golden, string key) => golden[key]!.GetValue<int>();

    private static float[] Numbers(JsonObject golden, string key) => [.. golden[key]!.AsArray().Select(number => (float)number!.GetValue<double>())];

    private static ResampleFilter Filter(JsonObject golden) => Enum.Parse<ResampleFilter>((string)golden["filter"]!, ignoreCase: true);

    private static ResizeMode Mode(JsonObject golden) => (string)golden["resize_mode"]! switch
    {
        "default" => ResizeMode.Stretch,
        "fill" => ResizeMode.Fill,
        string mode => Enum.Parse<ResizeMode>(mode, ignoreCase: true),
    };

    private static CropRegion Region(JsonNode sides) =>
        new(sides[0]!.GetValue<int>(), sides[1]!.GetValue<int>(), sides[2]!.GetValue<int>(), sides[3]!.GetValue<int>());

    private static void AssertImage(JsonObject golden, Raster actual)
    {
        string file = Path.Combine(Folder, (string)golden["expected"]!);
        Assert.Equal(GoldenCase.ReadPng(file), actual.ToRgb().Rgb);
        using SkiaSharp.SKBitmap expected = SkiaSharp.SKBitmap.Decode(file);
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
    }

    private static void AssertTensor(JsonObject golden, Tensor actual) =>
        GoldenCase.AssertClose(NpyFile.Read(Path.Combine(Folder, (string)golden["expected"]!)), actual, Tolerance);
}
