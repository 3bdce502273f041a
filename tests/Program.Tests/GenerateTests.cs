using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Tensors;

namespace Brownian.Program.Tests;

/// <summary>The files of <c>brownian generate</c>, their places and their names.</summary>
public sealed class GenerateTests
{
    private static readonly string[] Quick = ["--steps", "2", "--seed", "7"];

    [Fact]
    public async Task The_same_command_writes_the_same_bytes_from_any_folder()
    {
        using var first = new TemporaryFolder();
        using var second = new TemporaryFolder();
        await GenerateAsync(first, "red apple, flat", "-o", "a.png");
        await GenerateAsync(second, "red apple, flat", "-o", "b.png", "--quiet");
        Assert.Equal(Hash(first, "a.png"), Hash(second, "b.png"));
    }

    [Fact]
    public async Task The_documented_LoRAs_change_the_shipped_models_image_and_not_at_weight_0()
    {
        using var folder = new TemporaryFolder();
        string adapters = Repository.Combine("examples", "files");
        string[] bare = ["--set", "output={\"metadata\": false}", "-o"];
        await GenerateAsync(folder, "red apple, flat", [.. bare, "plain.png"]);
        await GenerateAsync(folder, "red apple, flat", [.. bare, "zero.png", "--lora", Path.Combine(adapters, "tint.safetensors:0")]);
        await GenerateAsync(folder, "red apple, flat", [.. bare, "tint.png", "--adapters", adapters, "--lora", "tint"]);
        await GenerateAsync(folder, "red apple, flat", [.. bare, "both.png", "--adapters", adapters, "--lora", "tint", "--lora", "dusk"]);
        Assert.Equal(Hash(folder, "plain.png"), Hash(folder, "zero.png"));
        Assert.Equal(3, ((string[])["plain.png", "tint.png", "both.png"]).Select(file => Hash(folder, file)).Distinct().Count());
    }

    [Fact]
    public async Task Another_number_of_threads_stays_within_the_tolerances()
    {
        using var folder = new TemporaryFolder();
        await GenerateAsync(folder, "fox, noto", "-o", "one.png", "--threads", "1", "--dump", "one");
        await GenerateAsync(folder, "fox, noto", "-o", "two.png", "--threads", "2", "--dump", "two");
        float[] Latents(string run) => NpyFile.Read(folder.Combine(run, "final_latents.npy")).Values;
        Assert.Equal(Latents("one"), Latents("two"), (one, other) => Math.Abs(one - other) <= 2e-3f);
    }

    [Fact]
    public async Task An_image_without_an_output_option_is_named_by_prompt_and_seed_and_overwrites_no_file()
    {
        using var folder = new TemporaryFolder();
        await GenerateAsync(folder, "Red apple, flat!");
        await GenerateAsync(folder, "Red apple, flat!");
        Assert.Equal(["red-apple-flat-7-2.png", "red-apple-flat-7.png"], Entries(folder));
    }

    [Fact]
    public async Task An_output_folder_has_only_the_images_named_by_their_order()
    {
        using var folder = new TemporaryFolder();
        await GenerateAsync(folder, "owl", "-o", "new/deep/", "--count", "11", "--steps", "1");
        Assert.Equal([.. Enumerable.Range(0, 11).Select(i => $"{i:00}.png")], Entries(folder, "new", "deep"));
        await GenerateAsync(folder, "owl", "-o", "one.png", "--seed", "17", "--steps", "1");
        Assert.Equal(Hash(folder, "one.png"), Hash(folder, "new/deep/10.png"));
    }

    [Fact]
    public async Task Several_images_under_one_file_name_are_numbered()
    {
        using var folder = new TemporaryFolder();
        await GenerateAsync(folder, "owl", "-o", "owl.jpg", "--count", "2");
        Assert.Equal(["owl-0.jpg", "owl-1.jpg"], Entries(folder));
    }

    [Theory]
    [InlineData("png", "picture.png", "89504E47")]
    [InlineData("jpeg", "picture.jpg", "FFD8FF")]
    [InlineData("webp", "picture.webp", "52494646")]
    public async Task The_format_follows_the_name_or_the_option_and_the_settings_can_be_read_again(string format, string name, string magic)
    {
        using var folder = new TemporaryFolder();
        await GenerateAsync(folder, "café, flat", "-o", name, "--negative", "blue");
        await GenerateAsync(folder, "café, flat", "-o", "out/", "--format", format, "--negative", "blue");
        Assert.Equal(Hash(folder, name), Hash(folder, Path.Combine("out", Assert.Single(Entries(folder, "out")))));
        Assert.StartsWith(magic, Convert.ToHexString(File.ReadAllBytes(folder.Combine(name))), StringComparison.Ordinal);

        ProgramResult info = await RunAsync(folder, "info", name);
        Assert.StartsWith("café, flat\nNegative prompt: blue\nSteps: 2, ", info.OutputText, StringComparison.Ordinal);

        await RunWellAsync(folder, "generate", "--like", name, "-o", "again" + Path.GetExtension(name));
        Assert.Equal(Hash(folder, name), Hash(folder, "again" + Path.GetExtension(name)));
    }

    [Fact]
    public async Task Options_beside_a_request_file_or_an_image_replace_its_fields()
    {
        using var folder = new TemporaryFolder();
        await GenerateAsync(folder, "owl", "-o", "owl.png");
        await File.WriteAllTextAsync(
            folder.Combine("request.json"), "{\"prompt\": \"fish\", \"seeds\": [1, 2], \"steps\": 2, \"scheduler\": {\"_class_name\": \"lms\"}}",
            TestContext.Current.CancellationToken);
        await RunWellAsync(folder, "generate", "owl", "--request", "request.json", "--seed", "7", "--scheduler", "ddim", "-o", "by-request.png");
        await RunWellAsync(folder, "generate", "fish", "--like", "owl.png", "-o", "fish.png");
        await RunWellAsync(folder, "generate", "owl", "--like", "fish.png", "-o", "by-picture.png");
        Assert.Equal(Hash(folder, "owl.png"), Hash(folder, "by-picture.png"));
        Assert.NotEqual(Hash(folder, "owl.png"), Hash(folder, "fish.png"));
        Assert.Equal(Pixels(folder, "owl.png"), Pixels(folder, "by-request.png"));
    }

    [Fact]
    public async Task Standard_output_has_only_the_image()
    {
        using var folder = new TemporaryFolder();
        await GenerateAsync(folder, "owl", "-o", "owl.png");
        ProgramResult result = await GenerateAsync(folder, "owl", "-o", "-");
        Assert.Equal(File.ReadAllBytes(folder.Combine("owl.png")), result.Output);
        Assert.Equal(["owl.png"], Entries(folder));
    }

    [Fact]
    public async Task Json_output_lists_the_images_and_the_last_line_summarizes_them()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await GenerateAsync(folder, "owl", "--json", "--count", "2", "-o", "out/");
        JsonObject json = JsonNode.Parse(result.OutputText)!.AsObject();
        Assert.Equal("emoji", (string?)json["model"]);
        Assert.Equal(["out/0.png", "out/1.png"], json["images"]!.AsArray().Select(image => (string?)image!["file"]));
        Assert.Equal([7UL, 8UL], json["images"]!.AsArray().Select(image => (ulong)image!["seed"]!));
        Assert.Matches(@"out/0\.png \.\.\. out/1\.png \(2 images\), seeds 7, 8, \d+\.\d s$", result.Error.TrimEnd());
    }

    [Fact]
    public async Task Generate_with_the_quiet_option_prints_only_the_name_of_a_file_that_was_not_named()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await GenerateAsync(folder, "owl", "--quiet");
        Assert.Empty(result.Error);
        Assert.True(File.Exists(folder.Combine(Assert.Single(result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries)))));
        ProgramResult named = await GenerateAsync(folder, "owl", "--quiet", "-o", "owl.png");
        Assert.Equal(("", ""), (named.OutputText, named.Error));
    }

    [Fact]
    public async Task A_random_seed_is_reported()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await RunWellAsync(folder, "generate", "owl", "--steps", "1", "-o", "owl.png");
        Assert.Matches(@"^owl\.png, seed \d{1,10}, \d+\.\d s$", result.Error.TrimEnd().Split('\n')[^1]);
    }

    [Fact]
    public async Task A_prompt_can_come_from_standard_input_and_may_begin_with_an_at_sign()
    {
        using var folder = new TemporaryFolder();
        ProgramResult piped = await BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["generate", "-", .. Quick, "-o", "piped.png"],
            StandardInput = Encoding.UTF8.GetBytes("@owl, café\n"),
            WorkingDirectory = folder.FullPath,
        });
        Assert.True(piped.ExitCode == 0, piped.Error);
        await GenerateAsync(folder, "@owl, café", "-o", "given.png");
        Assert.Equal(Hash(folder, "given.png"), Hash(folder, "piped.png"));
        ProgramResult marked = await BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["generate", "-", .. Quick, "-o", "marked.png"],
            StandardInput = [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes("@owl, café\r\n")],
            WorkingDirectory = folder.FullPath,
        });
        Assert.True(marked.ExitCode == 0, marked.Error);
        Assert.Equal(Hash(folder, "given.png"), Hash(folder, "marked.png"));
        await GenerateAsync(folder, "", "-o", "empty.png");
        await RunWellAsync(folder, "generate", "--steps", "1", "-o", "dash.png", "--", "-owl");
    }

    [Fact]
    public async Task A_long_prompt_is_cut_with_a_warning_that_quotes_the_rest()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await GenerateAsync(folder, string.Join(' ', Enumerable.Repeat("red", 30)) + " apple key", "-o", "cut.png");
        Assert.Contains("warning: the prompt is longer than 32 tokens; this was cut: \"apple key\"", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_are_found_by_the_option_and_by_the_environment()
    {
        using var folder = new TemporaryFolder();
        ShippedModel.LinkTo(folder.Combine("mine", "other"));
        await RunWellAsync(folder, ["generate", "owl", .. Quick, "--models", "mine", "--model", "other", "-o", "a.png"]);
        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["generate", "owl", .. Quick, "--model", "other", "-o", "b.png"],
            WorkingDirectory = folder.FullPath,
            Environment = new Dictionary<string, string> { ["BROWNIAN_MODELS"] = $"/nowhere:{folder.Combine("mine")}" },
        });
        Assert.True(result.ExitCode == 0, result.Error);
        await RunWellAsync(folder, ["generate", "owl", .. Quick, "--model", folder.Combine("mine", "other"), "-o", "c.png"]);
        Assert.Equal(Hash(folder, "a.png"), Hash(folder, "b.png"));
        Assert.Equal(Hash(folder, "a.png"), Hash(folder, "c.png"));
    }

    [Fact]
    public async Task A_link_as_output_stays_and_its_target_is_replaced()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.Combine("target.png"), "old", TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(folder.Combine("link.png"), "target.png");
        await GenerateAsync(folder, "owl", "-o", "link.png");
        Assert.NotNull(new FileInfo(folder.Combine("link.png")).LinkTarget);
        Assert.StartsWith("89504E47", Convert.ToHexString(File.ReadAllBytes(folder.Combine("target.png"))), StringComparison.Ordinal);
        Assert.Equal(["link.png", "target.png"], Entries(folder));
    }

    [Fact]
    public async Task Ctrl_C_stops_generate_within_a_step_and_leaves_no_file()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGINT is sent by kill");
        using var folder = new TemporaryFolder();
        using Process process = BrownianProgram.Start(
            new ProgramRun { Arguments = ["generate", "owl", "--steps", "1000", "-o", "owl.png"], WorkingDirectory = folder.FullPath });
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        // The first line of progress appears after a hundred of a thousand steps.
        string? line = await process.StandardError.ReadLineAsync(deadline.Token);
        Assert.StartsWith("step ", line, StringComparison.Ordinal);
        using (Process kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync(deadline.Token);
        }
        string rest = await process.StandardError.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token);
        Assert.Equal(130, process.ExitCode);
        Assert.EndsWith("brownian: stopped\n", rest, StringComparison.Ordinal);
        Assert.DoesNotContain("step 1000/1000", rest, StringComparison.Ordinal);
        Assert.Empty(Entries(folder));
    }

    [Fact]
    public async Task Models_and_schedulers_are_listed_and_shown()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("emoji (default)", (await RunWellAsync(folder, "models", "list")).OutputText, StringComparison.Ordinal);
        string model = (await RunWellAsync(folder, "models", "show", "emoji")).OutputText;
        Assert.All(
            (string[])
            [
                "family: Stable Diffusion 1.x/2.x", "sizes: multiples of 16 pixels; made for 64x64", "license: CC-BY-4.0", "timestep float32 []",
                "out_sample float32 [?, 4, ?, ?]", "tokenizer: CLIP, 32 tokens", "scheduler: DDIMScheduler"
            ],
            text => Assert.Contains(text, model, StringComparison.Ordinal));
        string schedulers = (await RunWellAsync(folder, "schedulers", "list")).OutputText;
        Assert.All(
            (string[])["euler_a", "dpm++_2m_karras", "ddim", "unipc", "lcm", "EulerDiscreteScheduler"], name =>
                Assert.Contains(name, schedulers, StringComparison.Ordinal));
        string euler =
            (await RunWellAsync(folder, "schedulers", "show", "euler", "--steps", "4", "--scheduler-option", "timestep_spacing=trailing")).OutputText;
        Assert.Contains("timesteps: 999 749 499 249", euler, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cascade_is_listed_and_shown_with_its_stages()
    {
        using var folder = new TemporaryFolder();
        string models = Repository.Combine("tests", "Golden.Tests", "Data", "models");
        Directory.CreateDirectory(folder.Combine("two"));
        await File.WriteAllTextAsync(
            folder.Combine("two/cascade.json"),
            $$"""
            {"title": "Both stages", "stages": [{"role": "base", "model": "{{models}}/tiny-if"}, {"role": "super-resolution",
             "model": "{{models}}/tiny-if-sr"}]}
            """,
            TestContext.Current.CancellationToken);

        string list = (await RunWellAsync(folder, "models", "list", "--models", folder.FullPath)).OutputText;
        Assert.Matches(@"^NAME +FAMILY +SIZE +PRECISION +DISK +LICENCE +FOLDER\n", list);
        Assert.Matches(@"\ntwo +cascade +- +- +- +- +/", list);
        Assert.Matches(@"\nemoji \(default\) +Stable Diffusion 1.x/2.x +64x64 +float16 +[\d.]+ MB +CC-BY-4.0 +/", list);
        string shown = (await RunWellAsync(folder, "models", "show", "two", "--models", folder.FullPath)).OutputText;
        Assert.Contains($"stage-1: base, {models}/tiny-if\n", shown, StringComparison.Ordinal);
        Assert.Contains($"stage-2: super-resolution, {models}/tiny-if-sr\n", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bench_measures_every_stage()
    {
        using var folder = new TemporaryFolder();
        JsonObject json =
            JsonNode.Parse((await RunWellAsync(folder, "bench", "--steps", "3", "--rounds", "1", "--batch", "2", "--json")).OutputText)!.AsObject();
        Assert.All(
            (string[])["encode_ms", "step_ms", "bare_step_ms", "decode_ms", "image_ms"],
            stage => Assert.True((double)json[stage]!["median"]! > 0));
        Assert.InRange((double)json["allocated_bytes_per_step"]!, 0, 1024);
    }

    private static Task<ProgramResult> GenerateAsync(TemporaryFolder folder, string prompt, params string[] options) =>
        RunWellAsync(folder, ["generate", prompt, .. Defaults("--steps", "2", options), .. Defaults("--seed", "7", options), .. options]);

    private static string[] Defaults(string option, string value, string[] given) => given.Contains(option) ? [] : [option, value];

    private static async Task<ProgramResult> RunWellAsync(TemporaryFolder folder, params string[] arguments)
    {
        ProgramResult result = await RunAsync(folder, arguments);
        Assert.True(result.ExitCode == 0, result.Error);
        return result;
    }

    private static Task<ProgramResult> RunAsync(TemporaryFolder folder, params string[] arguments) =>
        BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });

    private static string Hash(TemporaryFolder folder, string file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(folder.Combine(file))));

    /// <summary>The image without its text: the bytes from the first image data chunk on.</summary>
    private static string Pixels(TemporaryFolder folder, string file)
    {
        byte[] bytes = File.ReadAllBytes(folder.Combine(file));
        return Convert.ToHexString(bytes.AsSpan(bytes.AsSpan().IndexOf("IDAT"u8)));
    }

    private static string[] Entries(TemporaryFolder folder, params string[] parts) =>
        [.. Directory.EnumerateFileSystemEntries(folder.Combine(parts)).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];
}
