using System.Text;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Metadata;
using Brownian.Requests;
using Brownian.Tests.Programs;
using CsCheck;

namespace Brownian.Models.Tests;

public sealed class InfotextTests
{
    [Fact]
    public void The_settings_text_has_the_form_of_other_tools()
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("stub")));
        ResolvedRequest request = Resolve(model, new JsonObject
        {
            ["prompt"] = "red apple, flat",
            ["negative_prompt"] = "blurry",
            ["seed"] = 7,
            ["steps"] = 20,
            ["guidance_scale"] = 2.5,
            ["width"] = 64,
            ["height"] = 32,
            ["scheduler"] = new JsonObject { ["_class_name"] = "euler_karras", ["steps_offset"] = 1 },
        });
        Assert.Equal(
            "red apple, flat\nNegative prompt: blurry\n"
            + "Steps: 20, Sampler: Euler, Schedule type: Karras, CFG scale: 2.5, Seed: 7, Size: 64x32, Model: stub, Sampler options: "
                + "\"{\\\"steps_offset\\\":1}\", Version: Brownian 0.3.0",
            Infotext.Write(request, 7));
    }

    [Theory]
    [InlineData("euler_a", "Euler a", null)]
    [InlineData("EulerAncestralDiscreteScheduler", "EulerAncestralDiscreteScheduler", null)]
    [InlineData("DPM++ 2M Karras", "DPM++ 2M", "Karras")]
    [InlineData("dpm++_2m_sde_karras", "DPM++ 2M SDE", "Karras")]
    // AUTOMATIC1111 would use Karras' schedule.
    [InlineData("dpm++_2m", "DPM++ 2M", "Uniform")]
    [InlineData("euler_beta", "Euler", "Beta")]
    [InlineData("unipc", "UniPC", null)]
    [InlineData(null, "DDIM", null)]
    public void A_sampler_and_its_schedule_have_the_names_of_AUTOMATIC1111(string? scheduler, string sampler, string? schedule)
    {
        var file = new JsonObject { ["_class_name"] = "DDIMScheduler", ["prediction_type"] = "epsilon" };
        JsonObject? overrides = scheduler is null ? null : new JsonObject { ["_class_name"] = scheduler };
        Assert.Equal(new SamplerLabel(sampler, schedule), SamplerLabel.Of(file, overrides));
    }

    [Fact]
    public void Every_scheduler_survives_its_names()
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("stub")));
        foreach (string name in SchedulerCatalog.Names.Select(known => known.Name).Except(["unclip"]))
        {
            ResolvedRequest first = Resolve(model, new JsonObject { ["prompt"] = "a", ["scheduler"] = name, ["seed"] = 7, ["steps"] = 20 });
            string text = Infotext.Write(first, 7);
            ResolvedRequest second = Resolve(model, ImageMetadata.Read(text).Request);
            Assert.Equal(first.Scheduler.ToJsonString(), second.Scheduler.ToJsonString());
            // The file of the image that is made with what was read is the same.
            Assert.Equal(text, Infotext.Write(second, 7));
        }
    }

    [Fact]
    public void Any_request_survives_its_settings_text()
    {
        using var folder = new TemporaryFolder();
        ModelFolder model = ModelFolder.Open(new StubModel().Save(folder.Combine("stub")));
        Gen<string> texts = Gen.OneOf(
            Gen.String[Gen.Char[' ', '~'], 0, 60],
            OneOf(
                "", "a\nb", "a\r\nb\r", "\u2028", "Negative prompt: x", "Steps: 3", "x\nSteps: 3, y", "日本語 café 🍎", "a, b: c", "\"quoted\"",
                " spaces "));
        Gen<JsonNode?> schedulers = OneOf<JsonNode?>(
            null,
            new JsonObject { ["_class_name"] = "euler_a" },
            new JsonObject { ["_class_name"] = "dpm++_2m", ["use_exponential_sigmas"] = true },
            new JsonObject { ["_class_name"] = "dpm++_2m_sde_karras", ["use_karras_sigmas"] = false },
            new JsonObject { ["_class_name"] = "EulerDiscreteScheduler", ["use_karras_sigmas"] = true },
            new JsonObject { ["timestep_spacing"] = "trailing" });
        Gen.Select(texts, texts, Gen.ULong, Gen.Int[1, 500], Gen.Int[0, 200], schedulers, Gen.Bool, Gen.Int[0, 2]).Sample(
            (prompt, negative, seed, steps, guidance, scheduler, cuda, dtype) =>
            {
                var original = new JsonObject
                {
                    ["prompt"] = prompt,
                    ["negative_prompt"] = negative,
                    ["seed"] = seed,
                    ["steps"] = steps,
                    ["guidance_scale"] = guidance / 2.0,
                    ["guidance_rescale"] = guidance / 400.0,
                    ["width"] = 64,
                    ["height"] = 32,
                    ["scheduler"] = scheduler?.DeepClone(),
                    ["noise"] = cuda ? "torch-cuda" : "torch-cpu",
                    ["noise_dtype"] = ((string[])["float32", "float16", "bfloat16"])[dtype],
                };
                ResolvedRequest first = Resolve(model, original);
                JsonObject back = ImageMetadata.Read(Infotext.Write(first, seed)).Request;
                ResolvedRequest second = Resolve(model, back);
                Assert.Equal(first.Prompt, second.Prompt);
                Assert.Equal(first.NegativePrompt, second.NegativePrompt);
                Assert.Equal(first.Seeds, second.Seeds);
                Assert.Equal(first.Sampling, second.Sampling);
                Assert.Equal(first.GuidanceScale, second.GuidanceScale);
                Assert.Equal(first.GuidanceRescale, second.GuidanceRescale);
                Assert.Equal((first.Width, first.Height), (second.Width, second.Height));
                Assert.Equal(first.Scheduler.ToJsonString(), second.Scheduler.ToJsonString());
                Assert.Equal(first.Request.Noise, second.Request.Noise);
                Assert.Equal(first.Request.NoiseDtype, second.Request.NoiseDtype);
                Assert.Equal("stub", (string?)back["model"]);
            },
            iter: 300);
    }

    [Fact]
    public void A_settings_text_of_another_tool_is_read()
    {
        JsonObject request = ImageMetadata.Read(
            "a cat\nNegative prompt: a dog\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x768, Model "
                + "hash: abc, Model: v1-5, RNG: NV, Version: v1.9.0").Request;
        Assert.Equal("a cat", (string?)request["prompt"]);
        Assert.Equal("a dog", (string?)request["negative_prompt"]);
        Assert.Equal("DPM++ 2M Karras", (string?)request["scheduler"]!["_class_name"]);
        Assert.Equal("[5]", request["seeds"]!.ToJsonString());
        Assert.Equal(768, (int)request["height"]!);
        Assert.Equal("torch-cuda", (string?)request["noise"]);
    }

    [Theory]
    [InlineData(ImageFormat.Png)]
    [InlineData(ImageFormat.Jpeg)]
    [InlineData(ImageFormat.Webp)]
    public void Every_format_stores_any_text_and_remains_a_valid_image(ImageFormat format) =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.OneOf(Gen.String[Gen.Char[' ', '~'], 1, 200], OneOf("日本語\nCafé 🍎", "Größe\nSteps: 1"))).Sample(
            (width, height, text) =>
            {
                byte[] file = ImageWriter.Encode(Gradient(width, height), new OutputSettings { Format = format }, text);
                Assert.Equal(text, ImageMetadata.TextIn(file));
                using SkiaSharp.SKBitmap decoded = SkiaSharp.SKBitmap.Decode(file);
                Assert.Equal((width, height), (decoded.Width, decoded.Height));
            },
            iter: 50);

    [Fact]
    public void A_png_without_metadata_has_every_pixel_and_no_text()
    {
        PixelImage image = Gradient(33, 17);
        byte[] file = ImageWriter.Encode(image, new OutputSettings { Metadata = false }, "settings");
        Assert.Null(ImageMetadata.TextIn(file));
        using SkiaSharp.SKBitmap decoded = SkiaSharp.SKBitmap.Decode(file);
        Assert.Equal(image.Rgb, decoded.Pixels.SelectMany(pixel => (byte[])[pixel.Red, pixel.Green, pixel.Blue]));
    }

    [Fact]
    public void A_png_stores_Latin_1_in_tEXt_and_other_texts_in_iTXt()
    {
        Assert.Contains(
            "tEXtparameters", Encoding.Latin1.GetString(ImageWriter.Encode(Gradient(8, 8), new OutputSettings(), "café\nSteps: 1")),
            StringComparison.Ordinal);
        Assert.Contains(
            "iTXtparameters", Encoding.Latin1.GetString(ImageWriter.Encode(Gradient(8, 8), new OutputSettings(), "日本\nSteps: 1")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_file_cut_anywhere_is_refused_or_has_no_text_or_the_whole_text()
    {
        foreach (ImageFormat format in Enum.GetValues<ImageFormat>())
        {
            byte[] file = ImageWriter.Encode(Gradient(16, 16), new OutputSettings { Format = format }, "settings\nSteps: 1");
            for (int length = 0; length < file.Length; length++)
            {
                try
                {
                    string? text = ImageMetadata.TextIn(file.AsSpan(0, length));
                    Assert.True(text is null or "settings\nSteps: 1");
                }
                catch (InvalidDataException)
                {
                    // Refusing it is right too.
                }
            }
        }
    }

    private static ResolvedRequest Resolve(ModelFolder model, JsonObject request) =>
        ModelFamilies.Resolve(RequestReader.Read(request), ModelFamilies.CardOf(model, ModelFacts.Read(model)));

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static PixelImage Gradient(int width, int height) =>
        new(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(i => (byte)(i * 7))]);
}
