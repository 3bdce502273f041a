using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Metadata;
using Brownian.Requests;

namespace Brownian.Inference.Tests.Families;

/// <summary>Variations by a second seed, and second passes at a larger size.</summary>
public sealed class TwoPassTests : IAsyncLifetime
{
    private ImageGenerator _generator = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _generator = await ImageGenerator.LoadAsync([GoldenData.Model("tiny-sd15")], new SessionSettings(Threads: 1), AdapterCatalog.None, Stop);

    public ValueTask DisposeAsync()
    {
        _generator.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_variations_strength_moves_the_noise_from_one_seeds_to_the_others()
    {
        GeneratedImage one = await DrawAsync(), other = await DrawAsync(request => request["seed"] = 8);
        GeneratedImage none = await DrawAsync(request => Vary(request, 0)), some = await DrawAsync(request => Vary(request, 0.3)),
        all = await DrawAsync(request => Vary(request, 1));
        Assert.Equal(one.Pixels.Rgb, none.Pixels.Rgb);
        Assert.Equal(other.Denoised.InitialLatents.Values, all.Denoised.InitialLatents.Values, (one, other) => Math.Abs(one - other) <= 1e-5f);
        Assert.NotEqual(one.Pixels.Rgb, some.Pixels.Rgb);
        Assert.True(Distance(one, some) < Distance(one, all));

        static void Vary(JsonObject request, double strength) => (request["subseed"], request["subseed_strength"]) = (8, strength);
    }

    [Fact]
    public async Task Images_of_one_request_equal_those_of_single_requests()
    {
        GeneratedImage second = await DrawAsync(request => (request["seed"], request["subseed"], request["subseed_strength"]) = (4, 8, 0.4));
        var together = new List<GeneratedImage>();
        JsonObject both = Request(request => (request["count"], request["subseed"], request["subseed_strength"]) = (2, 8, 0.4));
        await foreach (GeneratedImage image in _generator.GenerateAsync(_generator.Resolve(RequestReader.Read(both)), null, Stop))
        {
            together.Add(image);
        }
        Assert.Equal(second.File, together[1].File);
    }

    [Fact]
    public async Task The_settings_of_a_refined_image_give_the_same_image_again()
    {
        using ImageGenerator xl = await ImageGenerator.LoadAsync(
            [GoldenData.Model("tiny-sdxl"), GoldenData.Model("tiny-sdxl-refiner")], new SessionSettings(Threads: 1), AdapterCatalog.None, Stop);
        JsonObject original = Request(request =>
        {
            request.Remove("scheduler");
            request["denoising_end"] = 0.5;
            request["refiner"] = new JsonObject { ["model"] = "tiny-sdxl-refiner", ["denoising_start"] = 0.5, ["steps"] = 4 };
        });
        GeneratedImage made = await FirstAsync(xl, original);
        Assert.Equal(made.File, (await FirstAsync(xl, ImageMetadata.Read(ImageMetadata.TextIn(made.File)!).Request)).File);
    }

    [Fact]
    public void A_missing_subseed_is_chosen_and_reported()
    {
        JsonObject resolved = _generator.Resolve(RequestReader.Read(Request(request => request["subseed_strength"] = 0.5))).ToJson();
        Assert.NotNull(resolved["subseed"]);
        Assert.Equal(0.5, (double)resolved["subseed_strength"]!);
    }

    [Theory]
    [InlineData("latent")]
    [InlineData("latent-nearest")]
    [InlineData("latent-bicubic")]
    [InlineData("lanczos")]
    public async Task A_second_pass_is_image_to_image_of_the_enlarged_first_result(string upscaler)
    {
        GeneratedImage small = await DrawAsync();
        GeneratedImage large = await DrawAsync(
            request =>
                request["hires"] = new JsonObject { ["width"] = 96, ["height"] = 80, ["steps"] = 5, ["strength"] = 0.6, ["upscaler"] = upscaler });
        Assert.Equal((96, 80), (large.Pixels.Width, large.Pixels.Height));
        Assert.Equal(small.Denoised.Latents.Values, large.Denoised.Latents.Values);
        var second = (DenoiseResult)large.Trace["hires.result"];
        Assert.Equal([1, 4, 10, 12], second.Latents.Shape);
        Assert.Equal(3, second.Timesteps.Count);
        if (upscaler == "latent")
        {
            Assert.Equal(Interpolation.Resize(small.Denoised.Latents, 10, 12, InterpolationMode.Bilinear).Values, second.ImageLatents!.Values);
        }
    }

    [Fact]
    public void An_invalid_second_pass_is_refused_by_field()
    {
        Assert.Contains(
            "hires.width: 100 is not allowed; allowed: multiples of 16",
            Refused(request => request["hires"] = new JsonObject { ["width"] = 100, ["height"] = 96 }), StringComparison.Ordinal);
        Assert.Contains(
            "hires.scale: 5 is not allowed", Refused(request => request["hires"] = new JsonObject { ["scale"] = 5 }), StringComparison.Ordinal);
        Assert.Contains(
            "hires.strength: 0.1 is not allowed", Refused(request => request["hires"] = new JsonObject { ["strength"] = 0.1 }),
            StringComparison.Ordinal);
        Assert.Contains(
            "hires.upscaler: \"magic\" is not allowed", Refused(request => request["hires"] = new JsonObject { ["upscaler"] = "magic" }),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_settings_of_an_image_give_the_same_image_again()
    {
        GeneratedImage made = await DrawAsync(request =>
        {
            request["hires"] = new JsonObject { ["scale"] = 1.5 };
            request["subseed_strength"] = 0.25;
            request["prompt_syntax"] = "a1111";
            request["clip_skip"] = 0;
        });
        JsonObject again = ImageMetadata.Read(ImageMetadata.TextIn(made.File)!).Request;
        var images = new List<byte[]>();
        await foreach (GeneratedImage image in _generator.GenerateAsync(_generator.Resolve(RequestReader.Read(again)), null, Stop))
        {
            images.Add(image.File);
        }
        Assert.Equal([made.File], images);
    }

    private static double Distance(GeneratedImage one, GeneratedImage other) =>
        one.Denoised.InitialLatents.Values.Zip(other.Denoised.InitialLatents.Values, (a, b) => Math.Pow(a - b, 2)).Sum();

    private static JsonObject Request(Action<JsonObject>? change)
    {
        var request =
            new JsonObject { ["prompt"] = "cat umbrella moon", ["width"] = 64, ["height"] = 64, ["steps"] = 4, ["seed"] = 3, ["scheduler"] = "ddim" };
        change?.Invoke(request);
        return request;
    }

    private string Refused(Action<JsonObject> change) =>
        Assert.Throws<FieldFaultException>(() => _generator.Resolve(RequestReader.Read(Request(change)))).Message;

    private Task<GeneratedImage> DrawAsync(Action<JsonObject>? change = null) => FirstAsync(_generator, Request(change));

    private static async Task<GeneratedImage> FirstAsync(ImageGenerator generator, JsonObject request)
    {
        await foreach (GeneratedImage image in generator.GenerateAsync(generator.Resolve(RequestReader.Read(request)), null, Stop))
        {
            return image;
        }
        throw new InvalidOperationException("No picture came");
    }
}
