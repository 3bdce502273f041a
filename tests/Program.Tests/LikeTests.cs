using System.Text;

namespace Brownian.Program.Tests;

/// <summary><c>--like</c> with images of other programs, and files whose names are not paths.</summary>
public sealed class LikeTests
{
    private const int Usage = 2;

    private static readonly string Adapters = Repository.Combine("examples", "files");

    [Theory]
    [InlineData("weights", "{\"prompt_syntax\":\"a1111\"}")]
    [InlineData("var", "{\"subseed\":9,\"subseed_strength\":0.3}")]
    [InlineData("lora", "{\"loras\":[{\"file\":\"tint.safetensors\",\"weight\":0.8}],\"textual_inversions\":[]}")]
    public async Task An_image_of_AUTOMATIC1111_is_made_again_with_all_its_settings(string sample, string also)
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await RunAsync(folder, "generate", "--like", Sample(sample), "--adapters", Adapters, "-o", "made.png");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("RNG: GPU", result.Error, StringComparison.Ordinal);
        Assert.Equal(sample == "lora", result.Error.Contains("tint is a different file here (634fd7ca87a7) from the file", StringComparison.Ordinal));
        string info = (await RunAsync(folder, "info", "made.png")).OutputText;
        Assert.Contains($"Also: {System.Text.Json.JsonSerializer.Serialize(also, Readable)}", info, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_LoRA_of_an_image_that_is_not_found_is_an_error_unless_an_option_replaces_it()
    {
        using var folder = new TemporaryFolder();
        await AssertRefusedAsync(folder, "loras[0]: there is no file \"tint\"", "--like", Sample("lora"));
        ProgramResult result = await RunAsync(
            folder, "generate", "--like", Sample("lora"), "--lora", Path.Combine(Adapters, "dusk.safetensors"), "--noise", "torch-cpu", "-q", "-o",
            "a.png");
        Assert.True(result.ExitCode == 0, result.Error);
        // The option decides, not the image.
        Assert.DoesNotContain("another file", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_setting_that_an_option_replaces_produces_no_warning()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await RunAsync(folder, "generate", "--like", Sample("var"), "--noise", "torch-cuda", "-q", "-o", "a.png");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task An_image_made_from_another_image_needs_that_image()
    {
        using var folder = new TemporaryFolder();
        const string Pairs = "apple\nSteps: 2, Sampler: Euler, CFG scale: 2, Seed: 7, Size: 64x64, Model: emoji, RNG: CPU, Denoising strength: 0.5";
        await WriteAsync(folder, "image.png", Pairs);
        await WriteAsync(folder, "mask.png", Pairs + ", Mask blur: 4");
        await AssertRefusedAsync(
            folder,
            "--like: image.png was generated from an image that the file does not contain (Denoising strength: 0.5); give the image with "
            + "--init-image",
            "--like", "image.png");
        await AssertRefusedAsync(folder, "(Mask blur: 4); give the image with --mask", "--like", "mask.png", "--init-image", "image.png");
        Assert.Equal(["image.png", "mask.png"], Entries(folder));

        File.Copy(Repository.Combine("docs", "red-apple.png"), folder.Combine("apple.png"));
        ProgramResult result = await RunAsync(folder, "generate", "--like", "image.png", "--init-image", "apple.png", "-q", "-o", "a.png");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string info = (await RunAsync(folder, "info", "a.png")).OutputText;
        Assert.Contains("\\\"task\\\":\\\"image-to-image\\\"", info, StringComparison.Ordinal);
        Assert.Contains("\\\"strength\\\":0.5", info, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_are_not_used_produce_one_warning_with_their_names_and_values()
    {
        using var folder = new TemporaryFolder();
        await WriteAsync(
            folder, "a.png",
            "apple\nSteps: 1, Sampler: Euler, CFG scale: 2, Seed: 7, Size: 64x64, Model: emoji, ENSD: 31337, Tiling: True, TI "
                + "hashes: \"easy: abc\", New: 1, RNG: CPU");
        ProgramResult result = await RunAsync(folder, "generate", "--like", "a.png", "-o", "b.png");
        Assert.Equal(
            "warning: --like: a.png has settings that are ignored and change the image: ENSD: 31337; Tiling: True; New: 1; textual "
                + "inversion: easy, for which no file is found",
            Assert.Single(result.Error.Split('\n'), line => line.StartsWith("warning: ", StringComparison.Ordinal)));
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task Settings_of_ComfyUI_and_SwarmUI_are_printed_and_give_the_same_image()
    {
        using var folder = new TemporaryFolder();
        const string Swarm =
            """
            {"sui_image_params": {"prompt": "apple", "model": "emoji.safetensors", "seed": 7, "steps": 2, "cfgscale": 2, "width": 64, "height": 64,
             "sampler": "euler"}}
            """;
        const string Comfy =
            """
            {"1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 2, "cfg": 2, "sampler_name": "euler", "scheduler": "normal",
             "denoise": 1, "model": ["2", 0], "positive": ["3", 0],
              "latent_image": ["4", 0]}},
             "2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "emoji.safetensors"}}, "3": {"class_type": "CLIPTextEncode",
              "inputs": {"text": "apple", "clip": ["2", 1]}},
             "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}}}
            """;
        await WriteAsync(folder, "swarm.png", Swarm);
        await WriteAsync(folder, "comfy.png", Comfy, "prompt");
        Assert.Equal(Swarm, (await RunAsync(folder, "info", "swarm.png")).OutputText.TrimEnd());
        Assert.Equal(Comfy, (await RunAsync(folder, "info", "comfy.png")).OutputText.TrimEnd());
        await RunWellAsync(
            folder, "generate", "apple", "--seed", "7", "--steps", "2", "--guidance", "2", "--size", "64x64", "--scheduler", "euler", "-q", "-o",
            "made.png");
        foreach (string like in (string[])["swarm", "comfy"])
        {
            await RunWellAsync(folder, "generate", "--like", like + ".png", "-q", "-o", $"{like}-made.png");
            Assert.Equal(File.ReadAllBytes(folder.Combine("made.png")), File.ReadAllBytes(folder.Combine($"{like}-made.png")));
        }
    }

    [Fact]
    public async Task An_image_file_is_the_same_for_every_spelling_of_a_LoRAs_path()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.Combine("deep/er"));
        File.Copy(Path.Combine(Adapters, "tint.safetensors"), folder.Combine("deep/er/tint.safetensors"));
        string[][] spelled =
        [
            ["--lora", "deep/er/tint.safetensors:0.5"],
            ["--lora", "./deep/../deep/er/tint:0.5"],
            ["--lora", folder.Combine("deep/er/tint.safetensors:0.5")],
            ["--adapters", "deep/er", "--lora", "tint:0.5"],
            ["--adapters", "deep", "--lora", "er/tint:0.5"],
            ["--adapters", "deep", "--lora", "tint.safetensors:0.5"],
        ];
        // The settings are the same text in either format.
        foreach ((string format, int spellings) in ((string, int)[])[("png", spelled.Length), ("jpg", 2)])
        {
            var files = new HashSet<string>();
            for (int i = 0; i < spellings; i++)
            {
                await RunWellAsync(folder, ["generate", "apple", "--steps", "1", "--seed", "7", "-q", "-o", $"{i}.{format}", .. spelled[i]]);
                files.Add(Convert.ToHexString(File.ReadAllBytes(folder.Combine($"{i}.{format}"))));
            }
            Assert.Single(files);
            Assert.DoesNotContain("deep", (await RunAsync(folder, "info", $"0.{format}")).OutputText, StringComparison.Ordinal);
            ProgramResult again = await RunAsync(folder, "generate", "--like", $"0.{format}", "--adapters", "deep", "-q", "-o", $"again.{format}");
            Assert.Equal((0, ""), (again.ExitCode, again.Error));
            Assert.Equal(Assert.Single(files), Convert.ToHexString(File.ReadAllBytes(folder.Combine($"again.{format}"))));
        }
        // Another file of that name, and then two files of it.
        Directory.CreateDirectory(folder.Combine("other"));
        File.Copy(Path.Combine(Adapters, "dusk.safetensors"), folder.Combine("other/tint.safetensors"));
        ProgramResult other = await RunAsync(folder, "generate", "--like", "0.png", "--adapters", "other", "-o", "b.png");
        Assert.Equal(0, other.ExitCode);
        Assert.Contains(
            "warning: tint is a different file here (fedc918d2598) from the file that 0.png was generated with (634fd7ca87a7)", other.Error,
            StringComparison.Ordinal);
        File.Copy(Path.Combine(Adapters, "dusk.safetensors"), folder.Combine("deep/tint.safetensors"));
        await AssertRefusedAsync(
            folder,
            "loras[0]: \"tint.safetensors\" is the name of several files: deep/er/tint.safetensors, deep/tint.safetensors, other/tint.safetensors",
            "--like", "0.png", "--adapters", ".");
    }

    [Fact]
    public async Task Settings_too_long_for_a_jpeg_are_refused_before_a_model_runs()
    {
        using var folder = new TemporaryFolder();
        string prompt = new('語', 20_000);
        await AssertRefusedAsync(
            folder, "output.format: \"jpeg\" is not allowed; allowed: png or webp, or jpeg with output.metadata false", prompt, "--negative", prompt,
            "-o", "a.jpg");
        Assert.Empty(Entries(folder));
    }

    [Fact]
    public async Task An_image_whose_text_cannot_be_read_has_no_settings()
    {
        using var folder = new TemporaryFolder();
        await WriteAsync(folder, "a.png", new string('\u0001', 40) + "ab");
        ProgramResult info = await RunAsync(folder, "info", "a.png");
        Assert.Equal((1, ""), (info.ExitCode, info.OutputText));
        Assert.Contains("a.png contains text that cannot be read", info.Error, StringComparison.Ordinal);
        await AssertRefusedAsync(folder, "--like: a.png contains text that cannot be read", "--like", "a.png");
    }

    private static readonly System.Text.Json.JsonSerializerOptions Readable =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Sample(string name) => Repository.Combine("tests", "Inference.Tests", "Cases", "settings", $"settings-{name}.png");

    /// <summary>An image with a text chunk before its end.</summary>
    private static async Task WriteAsync(TemporaryFolder folder, string name, string text, string keyword = "parameters")
    {
        byte[] png = await File.ReadAllBytesAsync(Repository.Combine("docs", "red-apple.png"), TestContext.Current.CancellationToken);
        byte[] data = [.. Encoding.ASCII.GetBytes(keyword), 0, .. Encoding.UTF8.GetBytes(text)];
        byte[] chunk =
            [(byte)(data.Length >> 24), (byte)(data.Length >> 16), (byte)(data.Length >> 8), (byte)data.Length, .. "tEXt"u8, .. data, 0, 0, 0, 0];
        // The first chunk of a name is read: it comes before the image's own settings.
        await File.WriteAllBytesAsync(folder.Combine(name), [.. png[..33], .. chunk, .. Without(png[33..])], TestContext.Current.CancellationToken);
    }

    /// <summary>The chunks that have no text.</summary>
    private static byte[] Without(byte[] chunks)
    {
        var kept = new List<byte>();
        for (int at = 0; at < chunks.Length;)
        {
            int length = 12 + ((chunks[at] << 24) | (chunks[at + 1] << 16) | (chunks[at + 2] << 8) | chunks[at + 3]);
            if (Encoding.ASCII.GetString(chunks, at + 4, 4) is not ("tEXt" or "iTXt"))
            {
                kept.AddRange(chunks.AsSpan(at, length));
            }
            at += length;
        }
        return [.. kept];
    }

    private static string[] Entries(TemporaryFolder folder) =>
        [.. Directory.EnumerateFiles(folder.FullPath).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];

    private static async Task AssertRefusedAsync(TemporaryFolder folder, string says, params string[] arguments)
    {
        ProgramResult result = await RunAsync(folder, ["generate", .. arguments]);
        string line = Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.Contains(says, line, StringComparison.Ordinal);
        Assert.Equal(Usage, result.ExitCode);
    }

    private static async Task RunWellAsync(TemporaryFolder folder, params string[] arguments)
    {
        ProgramResult result = await RunAsync(folder, arguments);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    private static Task<ProgramResult> RunAsync(TemporaryFolder folder, params string[] arguments) =>
        BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });
}
