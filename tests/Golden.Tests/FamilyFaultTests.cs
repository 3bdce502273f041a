using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Inference;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Golden.Tests;

/// <summary>Invalid requests to families other than Stable Diffusion are refused before a graph is loaded; cut prompts produce warnings.</summary>
public sealed class FamilyFaultTests(LoadedModels loaded) : IClassFixture<LoadedModels>
{
    [Theory]
    [InlineData("tiny-if-sr + tiny-if", "{\"stage_1\": {}}", "model[0]: tiny-if-sr is DeepFloyd IF super-resolution")]
    [InlineData("tiny-if-sr + tiny-if", "{\"stage_1\": {}}", "model[1]: tiny-if is DeepFloyd IF, which does not upscale images")]
    [InlineData("tiny-if + tiny-sd15", "{}", "model[1]: tiny-sd15 is Stable Diffusion")]
    [InlineData("tiny-if + tiny-if-sr", "{\"steps\": 5}", "steps: belongs to a stage; allowed: within stage_1, stage_2")]
    [InlineData("tiny-if + tiny-if-sr", "{\"stage_2\": {\"prompt\": \"x\"}}", "stage_2.prompt: is not a field of a stage")]
    [InlineData("tiny-if + tiny-if-sr", "{\"stage_2\": {\"noise_level\": 1000}}", "stage_2.noise_level: 1000")]
    [InlineData("tiny-if + tiny-if-sr", "{\"stage_2\": {\"width\": 97}}", "stage_2.width: 97 is not allowed; allowed: multiples of 4")]
    [InlineData("tiny-if + tiny-if-sr", "{\"stage_1\": {\"noise_level\": 3}}", "stage_1.noise_level: is not supported by "
        + "the family DeepFloyd IF in text-to-image")]
    [InlineData("tiny-if + tiny-if-sr", "{\"stage_2_seed_offset\": -1}", "stage_2_seed_offset: -1")]
    [InlineData("tiny-if + tiny-if-sr", "{\"stop_after\": \"stage-2\"}", "stop_after: \"stage-2\" is not allowed; allowed: stage-1")]
    [InlineData("tiny-if", "{\"task\": \"upscale\", \"init_image\": \"scene-a-32\"}", "task: \"upscale\" is not allowed; allowed: "
        + "text-to-image, image-to-image, inpaint")]
    [InlineData("tiny-if", "{\"task\": \"image-to-image\"}", "init_image: is missing")]
    [InlineData("tiny-if", "{\"init_image\": \"scene-b-48x32\", \"width\": 64}", "width: 64 is not allowed; "
        + "allowed: 96, which follows from the image")]
    [InlineData("tiny-if", "{\"timesteps\": \"fast99\"}", "timesteps: \"fast99\"")]
    [InlineData("tiny-if", "{\"prompt_2\": \"x\", \"clip_skip\": 1}", "prompt_2: is not supported by the family DeepFloyd IF")]
    [InlineData("tiny-if-sr", "{}", "task: \"text-to-image\" is not allowed; allowed: upscale")]
    [InlineData("tiny-if-sr", "{\"task\": \"upscale\"}", "init_image: is missing")]
    [InlineData("tiny-x4-upscaler", "{\"task\": \"upscale\", "
        + "\"init_image\": \"scene-a-32\", \"noise_level\": 351}", "noise_level: 351 is not allowed; allowed: 0..350")]
    [InlineData("tiny-x4-upscaler", "{\"task\": \"upscale\", "
        + "\"init_image\": \"scene-a-32\", \"width\": 64}", "width: 64 is not allowed; allowed: 128")]
    [InlineData("tiny-karlo", "{\"negative_prompt\": \"x\", \"steps\": 5}", "negative_prompt: is not supported by the family unCLIP")]
    [InlineData("tiny-karlo", "{\"prior_steps\": 1}", "prior_steps: 1 is not allowed")]
    [InlineData("tiny-karlo", "{\"task\": \"variation\", \"init_image\": \"scene-a-32\"}", "task: \"variation\" "
        + "is not allowed; allowed: text-to-image")]
    [InlineData("tiny-karlo-variation", "{}", "task: \"text-to-image\" is not allowed; allowed: variation")]
    [InlineData("tiny-sd3", "{\"max_sequence_length\": 513}", "max_sequence_length: 513 is not allowed; allowed: 1..512")]
    [InlineData("tiny-sd3", "{\"width\": 400}", "width: 400 is not allowed; allowed: up to 384")]
    [InlineData("tiny-sd3", "{\"init_image\": \"scene-a-64\", \"strength\": 0, \"steps\": 5}", "strength: ")]
    [InlineData("tiny-sd3", "{\"clip_skip\": 3}", "clip_skip: 3 is not allowed; allowed: 0..2")]
    [InlineData("tiny-sd3", "{\"pag_scale\": 3}", "pag_scale: 3 is not allowed; allowed: 0 with the model tiny-sd3")]
    [InlineData("tiny-sd3", "{\"guidance_method\": \"cfg++\"}", "guidance_method: \"cfg++\" is not allowed; allowed: "
        + "cfg with FlowMatchEulerDiscreteScheduler")]
    [InlineData("tiny-flux-dev", "{\"init_image\": \"scene-a-64\"}", "task: \"image-to-image\" is not allowed; allowed: text-to-image")]
    [InlineData("tiny-flux-dev", "{\"guidance_interval\": [0.5, 0.2]}", "guidance_interval: ")]
    [InlineData("tiny-flux-dev", "{\"scheduler\": \"ddim\"}", "sigmas: ")]
    [InlineData("tiny-sd15", "{\"noise_level\": 3, \"prior_steps\": 4}", "noise_level: is not supported by the family Stable Diffusion 1.x/2.x")]
    public async Task An_invalid_request_is_refused_by_field_before_a_graph_is_loaded(string models, string fields, string says)
    {
        JsonObject json = JsonNode.Parse(fields)!.AsObject();
        string[] names = models.Split(" + ");
        json["model"] = names.Length == 1 ? names[0] : new JsonArray([.. names.Select(name => JsonValue.Create(name))]);
        if ((string?)json["task"] != RequestTask.Variation && names[0] != "tiny-karlo-variation")
        {
            json["prompt"] = "a red cat";
        }
        ModelCard[] cards =
        [
            .. names.Select(name => ModelFolder.Open(Path.Combine(GoldenCase.Data, "models", name)))
                .Select(model => ModelFamilies.CardOf(model, ModelFamilies.Read(model)))
        ];

        FieldFaultException exception = await Assert.ThrowsAsync<FieldFaultException>(async () =>
        {
            GenerationRequest request = RequestReader.Read(json);
            ModelFamilies.Resolve(request, await RequestImages.ReadAsync(request, ReadAsync, []), cards);
        });

        Assert.Contains(exception.Faults, fault => $"{fault.Field}: {fault.Message}".StartsWith(says, StringComparison.Ordinal));
    }

    [Fact]
    public void Perturbed_attention_is_refused_beside_LoRAs_that_its_graph_does_not_have()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(GoldenCase.Data, "models", "tiny-sd15");
        foreach (string file in Directory.EnumerateFiles(model, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(model, file);
            foreach (string copy in name.StartsWith("unet/", StringComparison.Ordinal) ? (string[])[name,
                "unet_pag" + name["unet".Length..]] : [name])
            {
                Directory.CreateDirectory(Path.GetDirectoryName(folder.Combine("m/" + copy))!);
                File.Copy(file, folder.Combine("m/" + copy));
            }
        }
        ModelFolder opened = ModelFolder.Open(folder.Combine("m"));
        ModelCard[] cards = [ModelFamilies.CardOf(opened, ModelFamilies.Read(opened))];
        GenerationRequest plain = RequestReader.Read(JsonNode.Parse("{\"prompt\": \"x\", \"pag_scale\": 3}")!.AsObject());
        GenerationRequest adapted =
            RequestReader.Read(JsonNode.Parse("{\"prompt\": \"x\", \"pag_scale\": 3, \"loras\": [{\"file\": \"a\", \"weight\": 1}]}")!.AsObject());

        Assert.Equal(3, ModelFamilies.Resolve(plain, new RequestImages(), cards).Guidance.PerturbedScale);
        FieldFaultException exception = Assert.Throws<FieldFaultException>(() => ModelFamilies.Resolve(adapted, new RequestImages(), cards));

        Assert.Equal(
            "pag_scale: 3 is not allowed; allowed: 0 with LoRAs and ControlNets, which the graph with perturbed self-attention does not have",
            Assert.Single(exception.Faults).ToString());
    }

    [Theory]
    [InlineData("{\"guidance_method\": \"cfg++\"}", 0.6)]
    [InlineData("{\"guidance_method\": \"cfg++\", \"guidance_scale\": 0.3}", 0.3)]
    [InlineData("{}", 7.5)]
    public void The_default_guidance_scale_depends_on_the_guidance_method(string fields, double scale)
    {
        JsonObject json = JsonNode.Parse(fields)!.AsObject();
        json["prompt"] = "x";
        json["scheduler"] = "ddim";
        ModelFolder model = ModelFolder.Open(Path.Combine(GoldenCase.Data, "models", "tiny-sd15"));

        Assert.Equal(
            scale,
            ModelFamilies.Resolve(RequestReader.Read(json), new RequestImages(), [ModelFamilies.CardOf(model, ModelFamilies.Read(model))])
                .GuidanceScale);
    }

    [Theory]
    [InlineData("tiny-if", "prompt")]
    [InlineData("tiny-flux-schnell", "prompt")]
    public async Task A_prompt_beyond_T5s_window_is_cut_and_the_rest_is_quoted(string model, string what)
    {
        ImageGenerator generator = await loaded.GetAsync([Path.Combine(GoldenCase.Data, "models", model)]);
        string prompt = string.Join(' ', Enumerable.Range(0, 400).Select(i => i % 2 == 0 ? "red" : "cat")) + " lighthouse";
        var json = new JsonObject { ["prompt"] = prompt, ["steps"] = 2, ["seed"] = 1, ["width"] = 64, ["height"] = 64 };
        if (model != "tiny-if")
        {
            json["max_sequence_length"] = 64;
        }
        var warnings = new List<string>();

        await foreach (GeneratedImage image in generator.GenerateAsync(
            generator.Resolve(RequestReader.Read(json)), new Dictionary<string, ReadOnlyMemory<byte>>(), null, warnings.Add,
            TestContext.Current.CancellationToken))
        {
            Assert.Equal(64, image.Pixels.Width);
        }

        string warning = Assert.Single(warnings, other => !other.StartsWith("width and height: ", StringComparison.Ordinal));
        Assert.StartsWith($"the {what} is longer than {(model == "tiny-if" ? 77 : 64)} tokens; this was cut: \"", warning, StringComparison.Ordinal);
        Assert.EndsWith("lighthouse\"", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cascade_from_a_latent_model_to_an_upscaler_equals_upscaling_its_image()
    {
        string[] names = ["tiny-sd15", "tiny-x4-upscaler"];
        string[] folders = [.. names.Select(name => Path.Combine(GoldenCase.Data, "models", name))];
        JsonObject first = JsonNode.Parse("{\"steps\": 3, \"width\": 32, \"height\": 32, \"scheduler\": \"ddim\"}")!.AsObject(),
        second = JsonNode.Parse("{\"steps\": 3}")!.AsObject();
        var whole = new JsonObject
        {
            ["model"] = new JsonArray([.. names.Select(name => JsonValue.Create(name))]),
            ["prompt"] = "a red cat",
            ["seeds"] = new JsonArray(4, 5),
            ["stage_1"] = first.DeepClone(),
            ["stage_2"] = second.DeepClone(),
            ["stage_2_seed_offset"] = 2,
        };
        GeneratedImage[] cascade = await RunAsync(folders, whole, []);
        (first["prompt"], second["prompt"]) = ("a red cat", "a red cat");
        first["seeds"] = new JsonArray(4, 5);
        GeneratedImage[] small = await RunAsync([folders[0]], first, []);

        for (int i = 0; i < small.Length; i++)
        {
            JsonObject upscale = (JsonObject)second.DeepClone();
            (upscale["task"], upscale["init_image"], upscale["seed"]) = (RequestTask.Upscale, "small", 6 + i);
            GeneratedImage large = Assert.Single(await RunAsync([folders[1]], upscale, new() { ["small"] = small[i].File }));
            Assert.Equal((128, 128), (large.Pixels.Width, large.Pixels.Height));
            Assert.Equal(large.Pixels.Rgb, cascade[i].Pixels.Rgb);
        }
    }

    [Fact]
    public async Task An_upscaler_can_be_the_third_stage_of_a_cascade()
    {
        string[] folders =
            [.. ((string[])["tiny-if", "tiny-if-sr", "tiny-x4-upscaler"]).Select(name => Path.Combine(GoldenCase.Data, "models", name))];
        JsonObject json = JsonNode.Parse(
            "{\"prompt\": \"a red cat\", \"seed\": 3, \"stage_1\": {\"steps\": 4}, \"stage_2\": {\"steps\": 4}, \"stage_3\": {\"steps\": 3, "
                + "\"noise_level\": 100}, \"stage_3_seed_offset\": 2}")!.AsObject();
        json["model"] = new JsonArray([.. folders.Select(folder => JsonValue.Create(Path.GetFileName(folder)))]);

        GeneratedImage image = Assert.Single(await RunAsync(folders, json, []));

        Assert.Equal((384, 384), (image.Pixels.Width, image.Pixels.Height));
    }

    private static async Task<(string Id, ReadOnlyMemory<byte> File)> ReadAsync(string name) =>
        (name, await File.ReadAllBytesAsync(Path.Combine(GoldenCase.Data, "images", name + ".png"), TestContext.Current.CancellationToken));

    private async Task<GeneratedImage[]> RunAsync(string[] folders, JsonObject json, Dictionary<string, ReadOnlyMemory<byte>> files)
    {
        ImageGenerator generator = await loaded.GetAsync(folders);
        GenerationRequest request = RequestReader.Read(json);
        RequestImages images = await RequestImages.ReadAsync(request, named => Task.FromResult((named, files[named])), []);
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
