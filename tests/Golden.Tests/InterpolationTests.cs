using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Gateway.Requests;
using Brownian.Inference;
using Brownian.Requests;
using Brownian.V1;

namespace Brownian.Golden.Tests;

/// <summary>Frames between two prompts or two images: the first and last frames equal plain runs, byte for byte.</summary>
public sealed class InterpolationTests(LoadedModels loaded, GoldenCluster cluster) : IClassFixture<LoadedModels>, IClassFixture<GoldenCluster>
{
    private const string Plain = "\"output\": {\"metadata\": false}";

    public static TheoryData<string, string, string, string> Cases => new()
    {
        {
            "tiny-karlo", "\"prior_steps\": 4, \"decoder_steps\": 5, \"super_res_steps\": 3, \"seed\": 3",
            "\"prompts\": [\"a red cat\", \"old lighthouse\"]", "prompt"
        },
        {
            "tiny-karlo-variation", "\"decoder_steps\": 5, \"super_res_steps\": 3, \"seed\": 3", "\"images\": [\"scene-a-64\", \"scene-b-64\"]",
            "init_image"
        },
        {
            "tiny-sd15", "\"steps\": 4, \"width\": 64, \"height\": 64, \"seed\": 3, \"scheduler\": \"euler_a\"",
            "\"prompts\": [\"a red cat\", \"moon\"]", "prompt"
        },
        { "tiny-sdxl", "\"steps\": 4, \"width\": 64, \"height\": 64, \"seed\": 3", "\"prompts\": [\"a red cat\", \"moon\"]", "prompt" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_first_and_last_frames_equal_plain_runs(string model, string fields, string ends, string field)
    {
        const int Frames = 4;
        JsonObject between = JsonNode.Parse($"{{{Plain}, {fields}, \"interpolate\": {{{ends}, \"frames\": {Frames}}}}}")!.AsObject();

        GeneratedImage[] frames = await RunAsync(model, between);

        Assert.Equal(Frames, frames.Length);
        Assert.Equal(Frames, frames.Select(frame => Convert.ToHexString(frame.File)).Distinct().Count());
        JsonArray both = (between["interpolate"]!["prompts"] ?? between["interpolate"]!["images"])!.AsArray();
        for (int i = 0; i < 2; i++)
        {
            JsonObject plain = JsonNode.Parse($"{{{Plain}, {fields}}}")!.AsObject();
            plain[field] = both[i]!.DeepClone();
            if (field == "init_image")
            {
                plain["task"] = RequestTask.Variation;
            }
            Assert.Equal(Assert.Single(await RunAsync(model, plain)).File, frames[i * (Frames - 1)].File);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_job_gives_the_frames_of_a_run_in_process(string model, string fields, string ends, string field)
    {
        Assert.NotEmpty(field);
        JsonObject between = JsonNode.Parse($"{{{Plain}, {fields}, \"interpolate\": {{{ends}, \"frames\": 3}}}}")!.AsObject();
        byte[][] expected = [.. (await RunAsync(model, between)).Select(frame => frame.File)];
        between["model"] = model;
        if (between["interpolate"]!["images"] is JsonArray images)
        {
            for (int i = 0; i < images.Count; i++)
            {
                images[i] = (
                    await cluster.Node.Client.UploadAsync(
                        File.OpenRead(ImageFile(images[i]!.GetValue<string>())), TestContext.Current.CancellationToken)).Id;
            }
        }

        var artifacts = new List<string>();
        await foreach (JobEvent item in cluster.Node.Client.GenerateAsync(RequestMessage.Read(between), TestContext.Current.CancellationToken))
        {
            Assert.Null(item.Failed);
            if (item.Artifact is not null)
            {
                artifacts.Add(item.Artifact.Id);
            }
        }

        Assert.Equal(
            expected, await Task.WhenAll(artifacts.Select(id => cluster.Node.Client.GetArtifactAsync(id, TestContext.Current.CancellationToken))));
    }

    [Theory]
    [InlineData("tiny-karlo", "{\"prompt\": \"x\", \"interpolate\": "
        + "{\"prompts\": [\"a\", \"b\"], \"frames\": 3}}", "prompt: cannot be given with interpolate")]
    [InlineData("tiny-karlo", "{\"seeds\": [1, 2], \"interpolate\": {\"prompts\": [\"a\", \"b\"], \"frames\": 3}}", "seeds: 2 is not allowed")]
    [InlineData("tiny-karlo", "{\"interpolate\": {\"prompts\": [\"a\"], \"frames\": 3}}", "interpolate: needs two prompts or two images, not both")]
    [InlineData("tiny-karlo", "{\"interpolate\": {\"prompts\": [\"a\", \"b\"], \"frames\": 1}}", "interpolate.frames: 1 is not allowed")]
    [InlineData("tiny-karlo", "{\"interpolate\": {\"prompts\": [\"a\", \"b\"], \"frame\": 3}}", "interpolate.frame: is not a field")]
    [InlineData("tiny-karlo", "{\"interpolate\": {\"images\": "
        + "[\"scene-a-64\", \"scene-b-64\"], \"frames\": 3}}", "task: \"variation\" is not allowed")]
    [InlineData("tiny-sd15", "{\"prompt_syntax\": \"a1111\", \"interpolate\": "
        + "{\"prompts\": [\"a\", \"b\"], \"frames\": 3}}", "interpolate: supports only plain prompts")]
    [InlineData(
        "tiny-flux-dev", "{\"interpolate\": {\"prompts\": [\"a\", \"b\"], \"frames\": 3}}", "interpolate: is not supported by the family Flux")]
    public async Task An_invalid_interpolation_is_refused_by_field(string model, string json, string says)
    {
        FieldFaultException exception = await Assert.ThrowsAsync<FieldFaultException>(() => RunAsync(model, JsonNode.Parse(json)!.AsObject()));

        Assert.Contains(exception.Faults, fault => $"{fault.Field}: {fault.Message}".StartsWith(says, StringComparison.Ordinal));
    }

    private static string ImageFile(string name) => Path.Combine(GoldenCase.Data, "images", name + ".png");

    private async Task<GeneratedImage[]> RunAsync(string model, JsonObject json)
    {
        ImageGenerator generator = await loaded.GetAsync([Path.Combine(GoldenCase.Data, "models", model)]);
        GenerationRequest request = RequestReader.Read(json);
        var files = new Dictionary<string, ReadOnlyMemory<byte>>();
        RequestImages images = await RequestImages.ReadAsync(
            request,
            async named =>
            {
                files[named] = await File.ReadAllBytesAsync(ImageFile(named), TestContext.Current.CancellationToken);
                return (named, files[named]);
            },
            []);
        var made = new List<GeneratedImage>();
        await foreach (
            GeneratedImage image in generator.GenerateAsync(
                generator.Resolve(request, images), files, null, null, TestContext.Current.CancellationToken))
        {
            made.Add(image);
        }
        return [.. made];
    }
}
