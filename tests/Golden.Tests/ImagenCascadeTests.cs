using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Gateway.Requests;
using Brownian.Imaging;
using Brownian.Inference;
using Brownian.Models.Families;
using Brownian.Requests;
using Brownian.V1;
using Microsoft.ML.OnnxRuntime;
using DenoiseResult = Brownian.Inference.Engines.DenoiseResult;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Golden.Tests;

/// <summary>
/// Imagen's cascades that start from an image: the second stage starts from it too. No golden case covers that, so that a bare loop replaces
/// the reference's <c>pipeline_if_img2img_superresolution.py</c> and <c>pipeline_if_inpainting_superresolution.py</c>.
/// </summary>
public sealed class ImagenCascadeTests(
    LoadedModels loaded, GoldenCluster cluster) : IClassFixture<LoadedModels>, IClassFixture<GoldenCluster>, IDisposable
{
    /// <summary>The second model's own size: it does not resize an image of that size.</summary>
    private const int Side = 96;
    private const int Steps = 10, NoiseLevel = 200;
    private const double Guidance = 4, Strength = 0.65;
    private const ulong Seed = 5;

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static string[] Models => [.. ((string[])["tiny-if", "tiny-if-sr"]).Select(name => Path.Combine(GoldenCase.Data, "models", name))];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_second_stage_equals_the_references_loop(bool inpaints)
    {
        float[] original = Pixels(), mask = Mask((x, y) => x is > 20 and < 70 && y > 40);
        GeneratedImage image = Assert.Single(await RunAsync(Request(inpaints ? mask : null)));

        var first = (DenoiseResult)image.Trace["stage-1-denoise.result"];
        var second = (DenoiseResult)image.Trace["stage-2-denoise.result"];
        (float[] Latents, float[] Noise, float[] Timesteps) expected = Loop(first.Latents, original, inpaints ? mask : null);

        Assert.Equal(expected.Noise, second.InitialLatents.Values);
        Assert.Equal(expected.Timesteps, second.Timesteps);
        Assert.Equal(expected.Latents, second.Latents.Values, (one, other) => Math.Abs(one - other) <= 1e-4f);
    }

    [Fact]
    public async Task A_black_mask_leaves_the_image_unchanged()
    {
        GeneratedImage image = Assert.Single(await RunAsync(Request(Mask(static (_, _) => false))));
        Assert.Equal(PixelsOfFile(), image.Pixels.Rgb);
    }

    [Fact]
    public async Task Defaults_and_sizes_of_the_second_stage_are_those_of_the_references_pipelines()
    {
        JsonObject request = Request(null);
        request.Remove("stage_1");
        request.Remove("stage_2");
        ResolvedRequest plain = await ResolveAsync(request);
        Assert.Equal((50, 10, 4.0, 0.8, 250), Of(plain));

        request["mask"] = Save("mask.png", MaskBytes(static (x, _) => x > 20));
        request["task"] = RequestTask.Inpaint;
        ResolvedRequest masked = await ResolveAsync(request);
        Assert.Equal((100, 20, 4.0, 0.8, 0), Of(masked));

        // Both stages keep the image's proportions.
        request = Request(null);
        request["init_image"] = Path.Combine(GoldenCase.Data, "images", "scene-a-100x60.png");
        ResolvedRequest wide = await ResolveAsync(request);
        Assert.Equal((104, 64, 160, 96), (wide.Width, wide.Height, wide.CascadeStages[0].Width, wide.CascadeStages[0].Height));

        // A stage that starts from a prompt alone has no strength.
        request.Remove("init_image");
        request.Remove("task");
        request["stage_1"]!.AsObject().Remove("strength");
        FieldFaultException refused = await Assert.ThrowsAsync<FieldFaultException>(() => ResolveAsync(request));
        Assert.Equal("stage_2.strength", Assert.Single(refused.Faults).Field);
        request = Request(null);
        request["stage_2"] = new JsonObject { ["strength"] = 0.001, ["width"] = 64 };
        refused = await Assert.ThrowsAsync<FieldFaultException>(() => ResolveAsync(request));
        Assert.Equal(["stage_2.strength", "stage_2.width"], refused.Faults.Select(fault => fault.Field).Order(StringComparer.Ordinal));

        static (int, int, double, double, int) Of(ResolvedRequest request) =>
            (
                request.CascadeStages[0].Steps, request.CascadeStages[0].First, request.CascadeStages[0].GuidanceScale,
                request.CascadeStages[0].Strength!.Value,
                request.CascadeStages[0].NoiseLevel!.Value);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_resolved_request_means_the_same_request(bool inpaints)
    {
        JsonObject request = Request(inpaints ? Mask(static (x, _) => x > 20) : null);
        request.Remove("stage_2");
        ResolvedRequest resolved = await ResolveAsync(request);
        ResolvedRequest again = await ResolveAsync(resolved.ToJson());
        Assert.Equal(resolved.ToJson().ToJsonString(), again.ToJson().ToJsonString());
        Assert.Equal(resolved.CascadeStages[0].Strength, again.CascadeStages[0].Strength);
    }

    [Fact]
    public async Task A_run_stopped_after_its_first_stage_and_resumed_gives_the_bytes_of_an_uninterrupted_run()
    {
        string request = Path.Combine(_folder.FullPath, "request.json"), kept = _folder.Combine("kept.safetensors");
        await File.WriteAllTextAsync(request, Request(Mask(static (x, _) => x > 20)).ToJsonString(), Stop);
        Assert.Equal(0, (await BrownianProgram.RunAsync("generate", "--request", request, "-o", _folder.Combine("whole.png"))).ExitCode);
        Assert.Equal(0, (await BrownianProgram.RunAsync("generate", "--request", request, "--stop-after", "stage-1", "-o", kept)).ExitCode);
        ProgramResult result = await BrownianProgram.RunAsync("generate", "--from", kept, "-o", _folder.Combine("gone-on.png"));
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(
            await File.ReadAllBytesAsync(_folder.Combine("whole.png"), Stop), await File.ReadAllBytesAsync(_folder.Combine("gone-on.png"), Stop));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_job_and_a_direct_call_give_the_image_of_a_run_in_process(bool direct)
    {
        JsonObject request = Request(Mask(static (x, _) => x > 20));
        byte[] expected = Assert.Single(await RunAsync(request)).Pixels.Rgb;
        request["model"] = new JsonArray([.. Models.Select(folder => (JsonNode)Path.GetFileName(folder))]);
        foreach (string field in (string[])["init_image", "mask"])
        {
            request[field] = (await cluster.Gateway.Client.UploadAsync(File.OpenRead((string)request[field]!), Stop)).Id;
        }
        GenerateRequest message = RequestMessage.Read(request);
        message.Direct = direct;
        string? artifact = null;
        await foreach (JobEvent item in cluster.Gateway.Client.GenerateAsync(message, Stop))
        {
            Assert.Null(item.Failed);
            artifact = item.Artifact?.Id ?? artifact;
        }
        Assert.Equal(expected, GoldenCase.DecodePng(await cluster.Gateway.Client.GetArtifactAsync(artifact!, Stop)));
    }

    /// <summary>A tensor of the second model's golden case, which has the embeddings of this prompt.</summary>
    private static Tensor Expected(string file) => NpyFile.Read(File.ReadAllBytes(Path.Combine(GoldenCase.Data, "cases", "if-sr-default", file)));

    private static (float[] Latents, float[] Noise, float[] Timesteps) Loop(Tensor small, float[] original, float[]? mask)
    {
        JsonObject Config(string part) => JsonNode.Parse(File.ReadAllText(Path.Combine(Models[1], part, "scheduler_config.json")))!.AsObject();
        var generator = new TorchCpuGenerator(Seed + 1);
        Scheduler scheduler = SchedulerCatalog.Create(Config("scheduler")), noising = SchedulerCatalog.Create(Config("image_noising_scheduler"));
        scheduler.Start(new SamplingOptions { Steps = Steps });
        int first = Steps - (int)(Steps * Strength);
        scheduler.BeginAt(first);
        float[] noise = new float[original.Length], x = new float[original.Length], lowNoise = new float[original.Length];
        generator.FillNormal(noise);
        scheduler.AddNoise(original, noise, x, first);
        Mix(x, original, mask);
        float[] upscaled = Interpolation.Resize(small, Side, Side, InterpolationMode.Bilinear, alignCorners: true).Values;
        generator.FillNormal(lowNoise);
        noising.Start(new SamplingOptions { Timesteps = [NoiseLevel] });
        noising.AddNoise(upscaled, lowNoise, upscaled, 0);
        using var session = new InferenceSession(Path.Combine(Models[1], "unet", "model.onnx"));
        Tensor positive = Expected("prompt_embeds.npy"), negative = Expected("negative_prompt_embeds.npy");
        for (int i = first; i < Steps; i++)
        {
            float[] sample = [.. x, .. upscaled, .. x, .. upscaled], states = [.. negative.Values, .. positive.Values];
            using OrtValue samples = OrtValue.CreateTensorValueFromMemory(sample, [2, 6, Side, Side]);
            using OrtValue timestep = OrtValue.CreateTensorValueFromMemory([scheduler.Timestep], []);
            using OrtValue embeddings = OrtValue.CreateTensorValueFromMemory(states, [2, positive.Shape[1], positive.Shape[2]]);
            using OrtValue labels = OrtValue.CreateTensorValueFromMemory([(long)NoiseLevel, NoiseLevel], [2]);
            using var options = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(
                options, ["sample", "timestep", "encoder_hidden_states", "class_labels"], [samples, timestep, embeddings, labels], ["out_sample"]);
            float[] whole = outputs[0].GetTensorDataAsSpan<float>().ToArray(), output = new float[2 * x.Length], before = [.. x];
            // Two rows of twice three channels, noise and then variances; the variances of the pass with the prompt are used.
            ClassifierFreeGuidance.Combine(
                whole.AsSpan(0, x.Length), whole.AsSpan(2 * x.Length, x.Length), (float)Guidance, output.AsSpan(0, x.Length));
            whole.AsSpan(3 * x.Length).CopyTo(output.AsSpan(x.Length));
            scheduler.Step(output, x, generator);
            Mix(x, before, mask);
        }
        return (x, noise, scheduler.Timesteps[first..].ToArray());
    }

    /// <summary>Restores the values that the mask does not cover.</summary>
    private static void Mix(float[] x, float[] before, float[]? mask)
    {
        for (int i = 0; mask is not null && i < x.Length; i++)
        {
            float weight = mask[i % mask.Length];
            x[i] = ((1 - weight) * before[i]) + (weight * x[i]);
        }
    }

    private static byte[] PixelsOfFile() => [.. Enumerable.Range(0, 3 * Side * Side).Select(i => (byte)((i * 37 / 11) ^ (i / 300)))];

    /// <summary>The image's planes in [-1, 1].</summary>
    private static float[] Pixels()
    {
        byte[] bytes = PixelsOfFile();
        return
        [
            .. from channel in Enumerable.Range(0, 3) from place in Enumerable.Range(0, Side * Side) select (
                bytes[(3 * place) + channel] / 127.5f) - 1
        ];
    }

    private static float[] Mask(Func<int, int, bool> white) =>
        [.. from y in Enumerable.Range(0, Side) from x in Enumerable.Range(0, Side) select white(x, y) ? 1f : 0f];

    private static byte[] MaskBytes(Func<int, int, bool> white) => [.. Mask(white).SelectMany(value => Enumerable.Repeat((byte)(255 * value), 3))];

    private string Save(string name, byte[] rgb)
    {
        string path = _folder.Combine(name);
        File.WriteAllBytes(path, ImageWriter.Encode(new PixelImage(Side, Side, rgb), new OutputSettings { Metadata = false }, ""));
        return path;
    }

    /// <summary>A request whose two stages start from an image, with or without a mask.</summary>
    private JsonObject Request(float[]? mask)
    {
        var request = new JsonObject
        {
            ["task"] = mask is null ? RequestTask.ImageToImage : RequestTask.Inpaint,
            ["model"] = new JsonArray([.. Models.Select(folder => (JsonNode)folder)]),
            ["prompt"] = "A red Cat on a wooden table, oil painting",
            ["init_image"] = Save("picture.png", PixelsOfFile()),
            ["seed"] = Seed,
            ["stage_2_seed_offset"] = 1,
            ["stage_1"] = new JsonObject { ["steps"] = 6, ["strength"] = 0.7 },
            ["stage_2"] = new JsonObject { ["steps"] = Steps, ["guidance_scale"] = Guidance, ["strength"] = Strength, ["noise_level"] = NoiseLevel },
        };
        if (mask is not null)
        {
            request["mask"] = Save("mask.png", [.. mask.SelectMany(value => Enumerable.Repeat((byte)(255 * value), 3))]);
        }
        return request;
    }

    private async Task<(ResolvedRequest Request, Dictionary<string, ReadOnlyMemory<byte>> Files, ImageGenerator Generator)> ReadAsync(JsonObject json)
    {
        ImageGenerator generator = await loaded.GetAsync(Models);
        GenerationRequest request = RequestReader.Read(json);
        var files = new Dictionary<string, ReadOnlyMemory<byte>>();
        var faults = new List<FieldFault>();
        RequestImages images = await RequestImages.ReadAsync(
            request,
            async named =>
            {
                files[named] = await File.ReadAllBytesAsync(named, Stop);
                return (named, files[named]);
            },
            faults);
        Assert.Empty(faults);
        return (generator.Resolve(request, images), files, generator);
    }

    private async Task<ResolvedRequest> ResolveAsync(JsonObject json) => (await ReadAsync(json)).Request;

    private async Task<List<GeneratedImage>> RunAsync(JsonObject json)
    {
        (ResolvedRequest request, Dictionary<string, ReadOnlyMemory<byte>> files, ImageGenerator generator) = await ReadAsync(json);
        var images = new List<GeneratedImage>();
        await foreach (GeneratedImage image in generator.GenerateAsync(request, files, null, null, Stop))
        {
            images.Add(image);
        }
        return images;
    }
}
