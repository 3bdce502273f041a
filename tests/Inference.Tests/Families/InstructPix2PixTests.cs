using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Tests.Programs;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Tests.Families;

/// <summary>
/// A model that an image guides besides its prompt. There is no golden model of it, so that a bare loop replaces the reference's
/// <c>pipeline_stable_diffusion_instruct_pix2pix.py</c>, on a UNet that uses all its inputs.
/// </summary>
public sealed class InstructPix2PixTests : IDisposable
{
    private const int Side = 32, Scale = 4, Channels = 4, Latents = Side / Scale, Steps = 5;
    private const ulong Seed = 11;

    private readonly TemporaryFolder _folder = new();
    private readonly ModelFolder _model;

    public InstructPix2PixTests()
    {
        string folder = new StubModel { Scale = Scale }.Save(_folder.Combine("guided"));
        SaveUnet(Path.Combine(folder, "unet", "model.onnx"));
        File.WriteAllText(Path.Combine(folder, "unet", "config.json"), "{\"block_out_channels\": [1, 1], \"sample_size\": 8, \"in_channels\": 8}");
        Directory.CreateDirectory(Path.Combine(folder, "vae_encoder"));
        SaveEncoder(Path.Combine(folder, "vae_encoder", "model.onnx"));
        File.WriteAllText(
            Path.Combine(folder, "vae_encoder", "config.json"),
            "{\"block_out_channels\": [1, 1, 1], \"latent_channels\": 4, \"scaling_factor\": 0.5}");
        _model = ModelFolder.Open(folder);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static byte[] Scene { get; } = [.. Enumerable.Range(0, 3 * Side * Side).Select(i => (byte)((i * 31 / 7) ^ (i / 97)))];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(6.0, 1.7)]
    [InlineData(1.0, 1.0)]
    public async Task A_run_of_InstructPix2Pix_equals_the_references_loop(double guidance, double imageGuidance)
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync([_model], new SessionSettings(Threads: 1), AdapterCatalog.None, Stop);
        (ResolvedRequest request, Dictionary<string, ReadOnlyMemory<byte>> files) = await ResolveAsync(generator, new JsonObject
        {
            ["prompt"] = "ab",
            ["negative_prompt"] = "b a",
            ["init_image"] = "scene",
            ["steps"] = Steps,
            ["seed"] = Seed,
            ["guidance_scale"] = guidance,
            ["image_guidance_scale"] = imageGuidance,
            ["scheduler"] = "euler_a",
        });
        GeneratedImage image = await generator.GenerateAsync(request, files, null, null, Stop).FirstAsync(Stop);

        float[] encoded = Encode();
        Assert.Equal(encoded, image.Denoised.ImageLatents!.Values, (one, other) => Math.Abs(one - other) <= 1e-5f);
        double positive = image.Prompt.Features.Embedding.Values.Average(value => (double)value);
        double negative = guidance > 1 ? image.Negative!.Features.Embedding.Values.Average(value => (double)value) : 0;
        (float[] latents, float[] noise) = Loop(request, encoded, positive, negative, guidance, imageGuidance);
        Assert.Equal(noise, image.Denoised.InitialLatents.Values);
        Assert.Equal(latents, image.Denoised.Latents.Values, (one, other) => Math.Abs(one - other) <= 1e-3f);
    }

    [Fact]
    public async Task Cfg_plus_plus_with_a_guiding_image_is_refused()
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync([_model], new SessionSettings(Threads: 1), AdapterCatalog.None, Stop);

        FieldFaultException refused = await Assert.ThrowsAsync<FieldFaultException>(() => ResolveAsync(
            generator, new JsonObject { ["prompt"] = "ab", ["init_image"] = "scene", ["guidance_method"] = "cfg++", ["scheduler"] = "euler" }));

        Assert.Equal("guidance_method", Assert.Single(refused.Faults).Field);
    }

    [Fact]
    public async Task InstructPix2Pix_has_the_references_defaults_and_needs_an_image()
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync([_model], new SessionSettings(Threads: 1), AdapterCatalog.None, Stop);
        ResolvedRequest request = (await ResolveAsync(generator, new JsonObject { ["prompt"] = "ab", ["init_image"] = "scene" })).Request;
        Assert.Equal((100, 7.5, 1.5, Side, Side), (request.Steps, request.GuidanceScale, request.ImageGuidanceScale, request.Width, request.Height));

        FieldFaultException refused =
            await Assert.ThrowsAsync<FieldFaultException>(() => ResolveAsync(generator, new JsonObject { ["prompt"] = "ab" }));
        Assert.Equal(
            "task: \"text-to-image\" is not allowed; allowed: image-to-image with the family instruct-pix2pix",
            Assert.Single(refused.Faults).ToString());
        refused = await Assert.ThrowsAsync<FieldFaultException>(
            () => ResolveAsync(generator, new JsonObject { ["prompt"] = "ab", ["init_image"] = "scene", ["strength"] = 0.5 }));
        Assert.Equal("strength", Assert.Single(refused.Faults).Field);
    }

    /// <summary>The weight of an input in one of the UNet stub's four outputs.</summary>
    private static float Weight(int output, int input) => 0.4f * MathF.Sin((8 * output) + input + 1);

    private static float[] EncoderWeights { get; } = [.. Enumerable.Range(0, 2 * Channels * 3 * Scale * Scale).Select(i => 0.1f * MathF.Cos(i))];

    private static void SaveUnet(string file) => new OnnxStub()
        .Input("sample", OnnxStub.Float32, null, 2 * Channels, null, null)
        .Input("timestep", OnnxStub.Float32)
        .Input("encoder_hidden_states", OnnxStub.Float32, null, null, StubModel.Width)
        .Weights(
            "mix", [.. from output in Enumerable.Range(0, Channels) from input in Enumerable.Range(0, 2 * Channels) select Weight(output, input)],
            Channels, 2 * Channels, 1, 1)
        .Weights("tenthousandth", [0.0001f])
        .Whole("last", [3], 1)
        .Node("Conv", ["sample", "mix"], "mixed")
        .Node("ReduceMean", ["encoder_hidden_states"], "mean", ("axes", (int[])[1, 2]), ("keepdims", 1))
        .Node("Unsqueeze", ["mean", "last"], "text")
        .Node("Mul", ["timestep", "tenthousandth"], "clock")
        .Node("Add", ["mixed", "text"], "conditioned")
        .Node("Add", ["conditioned", "clock"], "out_sample")
        .Output("out_sample", OnnxStub.Float32, null, Channels, null, null)
        .Save(file);

    private static void SaveEncoder(string file) => new OnnxStub()
        .Input("sample", OnnxStub.Float32, null, 3, null, null)
        .Weights("weights", EncoderWeights, 2 * Channels, 3 * Scale * Scale, 1, 1)
        .Node("SpaceToDepth", ["sample"], "deep", ("blocksize", Scale))
        .Node("Conv", ["deep", "weights"], "latent_parameters")
        .Output("latent_parameters", OnnxStub.Float32, null, 2 * Channels, null, null)
        .Save(file);

    /// <summary>The mean of the moments, unscaled.</summary>
    private float[] Encode()
    {
        float[] pixels =
        [
            .. from channel in Enumerable.Range(0, 3) from place in Enumerable.Range(0, Side * Side) select (
                2 * (Scene[(3 * place) + channel] / 255f)) - 1
        ];
        using var session = new InferenceSession(_model.Require("vae_encoder").File);
        using OrtValue sample = OrtValue.CreateTensorValueFromMemory(pixels, [1, 3, Side, Side]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["sample"], [sample], ["latent_parameters"]);
        return outputs[0].GetTensorDataAsSpan<float>()[..(Channels * Latents * Latents)].ToArray();
    }

    private static (float[] Latents, float[] Noise) Loop(
        ResolvedRequest request, float[] guide, double positive, double negative, double guidance, double imageGuidance)
    {
        int plane = Latents * Latents;
        Scheduler scheduler = SchedulerCatalog.Create(request.Scheduler);
        scheduler.Start(new SamplingOptions { Steps = Steps });
        var generator = new TorchCpuGenerator(Seed);
        float[] noise = new float[Channels * plane];
        generator.FillNormal(noise);
        float[] x = [.. noise.Select(value => value * scheduler.InitNoiseSigma)], scaled = new float[x.Length], nothing = new float[x.Length];
        foreach (float timestep in scheduler.Timesteps.ToArray())
        {
            scheduler.ScaleModelInput(x, scaled);
            float[] text = Predict(guide, positive), output = text;
            if (guidance > 1 && imageGuidance >= 1)
            {
                float[] image = Predict(guide, negative), none = Predict(nothing, negative);
                output = [.. none.Select((value, i) => value + (float)guidance * (text[i] - image[i]) + (float)imageGuidance * (image[i] - value))];
            }
            scheduler.Step(output, x, generator);

            float[] Predict(float[] beside, double mean) =>
            [
                .. from output in Enumerable.Range(0, Channels)
                   from place in Enumerable.Range(0, plane)
                   select Enumerable.Range(0, Channels).Sum(
                       input =>
                           (Weight(output, input) * scaled[(input * plane) + place]) + (
                               Weight(output, Channels + input) * beside[(input * plane) + place]))
                       + (float)mean + (0.0001f * timestep),
            ];
        }
        return (x, noise);
    }

    private static async Task<(
        ResolvedRequest Request, Dictionary<string, ReadOnlyMemory<byte>> Files)> ResolveAsync(ImageGenerator generator, JsonObject json)
    {
        var files = new Dictionary<string, ReadOnlyMemory<byte>>
        { ["scene"] = ImageWriter.Encode(new PixelImage(Side, Side, Scene), new OutputSettings { Metadata = false }, "") };
        GenerationRequest request = RequestReader.Read(json);
        RequestImages images = await RequestImages.ReadAsync(request, named => Task.FromResult((named, files[named])), []);
        return (generator.Resolve(request, images), files);
    }
}
