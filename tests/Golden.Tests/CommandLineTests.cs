using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Tensors;

namespace Brownian.Golden.Tests;

/// <summary>Every case by <c>brownian generate --request</c>, compared by the files it writes.</summary>
public sealed class CommandLineTests
{
    public static TheoryData<string> Cases => GoldenCase.NamesAtDoors;

    public static TheoryData<string, ulong, double, int, string> ShippedModelCases
    {
        get
        {
            var cases = new TheoryData<string, ulong, double, int, string>();
            JsonObject file = JsonNode.Parse(File.ReadAllText(Path.Combine(GoldenCase.Data, "emoji", "cases.json")))!.AsObject();
            foreach (JsonNode? entry in file["cases"]!.AsArray())
            {
                cases.Add(
                    (string)entry!["prompt"]!, (ulong)entry["seed"]!, (double)entry["guidance_scale"]!, (int)entry["steps"]!,
                    (string)entry["expected"]!);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_request_file_gives_the_references_values_and_images(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        using var folder = new TemporaryFolder();
        string request = folder.Combine("request.json"), dump = folder.Combine("dump");
        await File.WriteAllTextAsync(request, golden.Request().ToJsonString(), TestContext.Current.CancellationToken);

        ProgramResult result = await BrownianProgram.RunAsync(
            ["generate", "--request", request, "--adapters", GoldenCase.AdapterFolders[0], "--adapters", GoldenCase.AdapterFolders[1], "-o",
                folder.Combine("out") + "/", "--dump", dump]);

        Assert.True(result.ExitCode == 0, result.Error);
        string[] images = [.. Directory.GetFiles(folder.Combine("out")).Order(StringComparer.Ordinal)];
        Assert.Equal(golden.ImageCount, images.Length);
        for (int i = 0; i < images.Length; i++)
        {
            golden.AssertImage(i, GoldenCase.ReadPng(images[i]));
        }
        if (golden.IsPreview)
        {
            return;
        }
        foreach (string ids in (string[])["token_ids", "token_ids_2", "negative_token_ids", "negative_token_ids_2"])
        {
            // A dump numbers the encoders that the model has.
            golden.AssertTokensIn(dump, ids);
        }
        golden.AssertEmbedding("prompt_embeds", NpyFile.Read(Path.Combine(dump, "prompt_embeds.npy")));
        if (golden.IsUnclip)
        {
            golden.AssertTimestepsOf("decoder", ReadJson<double[]>(dump, "decoder_timesteps.json").Select(t => (float)t));
            golden.AssertLatents("decoder_initial_latents", NpyFile.Read(Path.Combine(dump, "decoder_initial_latents.npy")));
            golden.AssertMostOf("final_latents", NpyFile.Read(Path.Combine(dump, "final_latents.npy")));
            return;
        }
        golden.AssertTimesteps(ReadJson<double[]>(dump, "timesteps.json").Select(t => (float)t));
        golden.AssertInitialLatents(NpyFile.Read(Path.Combine(dump, "initial_latents.npy")));
        golden.AssertFinalLatents(NpyFile.Read(Path.Combine(dump, "final_latents.npy")));
    }

    [Fact]
    public async Task ControlNets_found_by_name_give_the_references_image()
    {
        GoldenCase golden = GoldenCase.Read("controlnet-two");
        using var folder = new TemporaryFolder();
        string request = folder.Combine("request.json");
        JsonObject json = golden.Request();
        GoldenCase.NameControlNets(json);
        // The model has no ControlNets of its own.
        string bare = folder.Combine("bare");
        Directory.CreateDirectory(bare);
        foreach (
            string part in Directory.GetDirectories(golden.ModelFolder)
                .Where(part => !Path.GetFileName(part).StartsWith("controlnet", StringComparison.Ordinal)))
        {
            Directory.CreateSymbolicLink(Path.Combine(bare, Path.GetFileName(part)), part);
        }
        json["model"] = bare;
        await File.WriteAllTextAsync(request, json.ToJsonString(), TestContext.Current.CancellationToken);

        ProgramResult result = await BrownianProgram.RunAsync(
            "generate", "--request", request, "--adapters", Path.Combine(GoldenCase.Data, "models") + "/", "-o", folder.Combine("out.png"));

        Assert.True(result.ExitCode == 0, result.Error);
        golden.AssertImage(0, GoldenCase.ReadPng(folder.Combine("out.png")));
    }

    [Theory]
    [InlineData("if-cascade", "stage-1")]
    [InlineData("karlo-two", "prior")]
    [InlineData("karlo-two", "decoder")]
    [InlineData("karlo-variation", "decoder")]
    public async Task A_run_stopped_after_a_stage_and_resumed_gives_the_bytes_of_an_uninterrupted_run(string name, string stage)
    {
        GoldenCase golden = GoldenCase.Read(name);
        using var folder = new TemporaryFolder();
        string request = folder.Combine("request.json"), kept = folder.Combine("kept/half.safetensors");
        await File.WriteAllTextAsync(request, golden.Request().ToJsonString(), TestContext.Current.CancellationToken);

        Assert.Equal(0, (await BrownianProgram.RunAsync("generate", "--request", request, "-o", folder.Combine("whole/"))).ExitCode);
        Assert.Equal(0, (await BrownianProgram.RunAsync("generate", "--request", request, "--stop-after", stage, "-o", kept)).ExitCode);
        ProgramResult result = await BrownianProgram.RunAsync("generate", "--from", kept, "--unload-stages", "-o", folder.Combine("gone-on/"));

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(ReadAll("whole"), ReadAll("gone-on"));
        ProgramResult other =
            await BrownianProgram.RunAsync("generate", "--from", kept, "--seed", "1", "--set", "seeds=null", "-o", folder.Combine("other.png"));
        Assert.Equal(2, other.ExitCode);
        Assert.Contains($"from: is the output of {stage} in another request", other.Error, StringComparison.Ordinal);

        byte[][] ReadAll(string from) => [.. Directory.GetFiles(folder.Combine(from)).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
    }

    [Fact]
    public async Task A_cascade_folder_gives_the_references_image()
    {
        GoldenCase golden = GoldenCase.Read("if-cascade");
        using var folder = new TemporaryFolder();
        foreach (string model in golden.ModelFolders)
        {
            Directory.CreateDirectory(folder.Combine("if"));
            Directory.CreateSymbolicLink(folder.Combine("if/" + Path.GetFileName(model)), model);
        }
        await File.WriteAllTextAsync(
            folder.Combine("if/cascade.json"),
            """
            {
              "stages": [
                {"role": "base", "model": "tiny-if", "settings": {"steps": 20}},
                {"role": "super-resolution", "model": "tiny-if-sr", "seed_offset": 1, "settings": {"steps": 12, "noise_level": 250}}
              ]
            }
            """,
            TestContext.Current.CancellationToken);

        ProgramResult result = await BrownianProgram.RunAsync(
            "generate", "a tiny blue robot in the snow, pixel art", "--model", folder.Combine("if"), "--negative", "", "--seed", "71", "-o",
            folder.Combine("out.png"));

        Assert.True(result.ExitCode == 0, result.Error);
        golden.AssertImage(0, GoldenCase.ReadPng(folder.Combine("out.png")));
    }

    [Fact]
    public async Task Options_for_ControlNets_give_the_image_of_the_request_file()
    {
        GoldenCase golden = GoldenCase.Read("controlnet-two");
        using var folder = new TemporaryFolder();
        string file = folder.Combine("picture.png");
        string[] images = [.. golden.Request()["control_image"]!.AsArray().Select(image => image!.GetValue<string>())];

        ProgramResult result = await BrownianProgram.RunAsync(
            "generate", "cat umbrella moon", "--model", golden.ModelFolder, "--control-image", images[0], "--control-image", images[1],
            "--controlnet", "controlnet", "--controlnet", "controlnet_1",
            "--control-scale", "0.8", "--control-scale", "0.5", "--control-preprocess", "none", "--guess-mode", "false", "--size", "64x64", "--steps",
            "8", "--seed", "308",
            "--scheduler", "DPMSolverMultistepScheduler", "--scheduler-option", "use_karras_sigmas=true", "-o", file);

        Assert.True(result.ExitCode == 0, result.Error);
        golden.AssertImage(0, GoldenCase.ReadPng(file));
    }

    [Theory]
    [MemberData(nameof(ShippedModelCases))]
    public async Task The_shipped_model_makes_the_expected_image(string prompt, ulong seed, double guidance, int steps, string expected)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Combine("picture.png");

        ProgramResult result = await BrownianProgram.RunAsync(
            "generate", prompt, "--seed", seed.ToString(CultureInfo.InvariantCulture), "--guidance", guidance.ToString(CultureInfo.InvariantCulture),
            "--steps", steps.ToString(CultureInfo.InvariantCulture), "-o", file);

        Assert.True(result.ExitCode == 0, result.Error);
        GoldenCase.AssertPixels(GoldenCase.ReadPng(Path.Combine(GoldenCase.Data, "emoji", expected)), GoldenCase.ReadPng(file));
    }

    private static T ReadJson<T>(string folder, string name) => JsonSerializer.Deserialize<T>(File.ReadAllText(Path.Combine(folder, name)))!;
}
