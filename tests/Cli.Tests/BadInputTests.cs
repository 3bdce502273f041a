using System.Buffers.Binary;

namespace Brownian.Cli.Tests;

/// <summary>Invalid input ends a command with one line that names it, an exit code, and no other output.</summary>
public sealed class BadInputTests
{
    private const int Failure = 1;
    private const int Usage = 2;

    [Theory]
    [InlineData(Usage, "scheduler: \"nonsense\"", "--scheduler", "nonsense")]
    [InlineData(Usage, "scheduler.nonsense: DDIMScheduler has no such option", "--scheduler", "ddim", "--scheduler-option", "nonsense=1")]
    [InlineData(Usage, "scheduler.beta_start: \"x\" is not allowed", "--scheduler-option", "beta_start=x")]
    [InlineData(Usage, "--scheduler-option: \"beta_start\" is not allowed; allowed: KEY=VALUE", "--scheduler-option", "beta_start")]
    [InlineData(Usage, "width: 65 is not allowed; allowed: multiples of 16 with this model, the nearest are 64 and 80", "--size", "65x64")]
    [InlineData(Usage, "height: 8 is not allowed", "--size", "64x8")]
    [InlineData(Usage, "--size: \"64\" is not allowed", "--size", "64")]
    [InlineData(Usage, "4194304", "--size", "4096x4096")]
    [InlineData(Usage, "steps: 0 is not allowed; allowed: 1..1000", "--steps", "0")]
    [InlineData(Usage, "steps: 10001 is not allowed; allowed: 1..1000", "--steps", "10001")]
    [InlineData(Usage, "steps: \"many\" is not allowed; allowed: 1..1000", "--steps", "many")]
    [InlineData(Usage, "steps: 2.5 is not allowed", "--steps", "2.5")]
    [InlineData(Usage, "seed: -1 is not allowed; allowed: 0..18446744073709551615", "--seed", "-1")]
    [InlineData(Usage, "seed: 1.8446744073709552E+19 is not allowed; allowed: 0..18446744073709551615", "--seed", "18446744073709551616")]
    [InlineData(Usage, "guidance_scale: \"NaN\" is not allowed; allowed: 0..100", "--guidance", "NaN")]
    [InlineData(Usage, "guidance_scale: 101 is not allowed", "--guidance", "101")]
    [InlineData(Usage, "guidance_rescale: 2 is not allowed", "--guidance-rescale", "2")]
    [InlineData(Usage, "eta: 1 is not allowed; allowed: 0 with EulerDiscreteScheduler", "--scheduler", "euler", "--eta", "1")]
    [InlineData(Usage, "count: 65 is not allowed; allowed: 1..64", "--count", "65")]
    [InlineData(Usage, "noise: \"dice\" is not allowed; allowed: torch-cpu, torch-cuda", "--noise", "dice")]
    [InlineData(Usage, "output.format: \"bmp\" is not allowed; allowed: png, jpeg, webp", "--format", "bmp")]
    [InlineData(Usage, "output.quality: 0 is not allowed; allowed: 1..100", "--quality", "0")]
    [InlineData(Usage, "--threads: \"0\" is not allowed; allowed: 1..256", "--threads", "0")]
    [InlineData(Usage, "--device: \"tpu\" is not allowed; allowed: cpu, cuda", "--device", "tpu")]
    [InlineData(Usage, "--models: \"/nowhere\" is not allowed", "--models", "/nowhere")]
    [InlineData(Usage, "--nonsense is not an option", "--nonsense")]
    [InlineData(Usage, "brownian: --step is not an option (did you mean --steps?) (\"", "--step", "4")]
    [InlineData(Usage, "--prompt is not an option; the prompt is the first argument", "--prompt", "owl")]
    [InlineData(Usage, "a sampler and its schedule are one name, such as --scheduler dpm++_2m_karras", "--schedule-type=Karras")]
    [InlineData(Usage, "--sampler and --scheduler are one option, which was given 2 times; a sampler and its schedule are one name", "--sampler",
        "euler", "--scheduler", "karras")]
    [InlineData(Usage, "--steps was given 2 times", "--steps", "2", "--steps", "3")]
    [InlineData(Usage, "\"brownian --version\" prints the version", "--version")]
    [InlineData(Usage, "--guidance_scale is not an option (did you mean --guidance?)", "--guidance_scale", "3")]
    [InlineData(Usage, "--negative_prompt is not an option (did you mean --negative?)", "--negative_prompt", "x")]
    [InlineData(Usage, "brownian: --outdir is not an option (\"", "--outdir", "x")]
    [InlineData(Usage, "--hlep is not an option (did you mean --help?)", "--hlep")]
    [InlineData(Usage, "-n is not an option; the number of images is --count, the negative prompt --negative", "-n", "4")]
    [InlineData(Usage, "-s is not an option; the seed is --seed, the number of steps --steps", "-s", "4")]
    [InlineData(Usage, "scheduler: \"eular\" is not allowed (did you mean euler?); allowed: ", "--scheduler", "eular")]
    [InlineData(Usage, "--width: cannot be given with --size", "--size", "64x64", "--width", "64")]
    [InlineData(Usage, "stpes: is not a field of a request (did you mean steps?); known: ", "--set", "stpes=3")]
    [InlineData(Usage, "cfg_scale: is not a field of a request (did you mean guidance_scale?); known: ", "--set", "cfg_scale=3")]
    [InlineData(Failure, "There is no model \"emojy\" (did you mean emoji?)", "--model", "emojy")]
    [InlineData(Usage, "--output: takes", "--count", "2", "-o", "-")]
    [InlineData(Usage, "--json: cannot be given with -o -", "--json", "-o", "-")]
    [InlineData(Usage, "--output: the folder", "-o", "/nowhere/picture.png")]
    [InlineData(Usage, "--output: \"picture.xyz\" is not allowed; allowed: a name that ends in .png, .jpg or .webp", "-o", "picture.xyz")]
    [InlineData(Usage, "/proc cannot be written to: it takes no files", "-o", "/proc/picture.png")]
    [InlineData(Usage, "--like: \"nosuch.png\" cannot be read: there is no such file", "--like", "nosuch.png")]
    [InlineData(Usage, "--like: \"\" cannot be read: this is no path of a file", "--like", "")]
    [InlineData(Usage, "--request: \"\" cannot be read: this is no path of a file", "--request", "")]
    [InlineData(Usage, "--from: \"gone.safetensors\" cannot be read: there is no such file", "--from", "gone.safetensors")]
    [InlineData(Usage, "strength: is not supported by the family Stable Diffusion 1.x/2.x in text-to-image; it needs init_image", "--denoise", "0.4")]
    [InlineData(Usage, "--format: is png, but the file name of --output is for jpeg", "-o", "picture.jpg", "--format", "png")]
    [InlineData(Failure, "There is no model \"nonsense\"; known models: emoji", "--model", "nonsense")]
    [InlineData(Failure, "The folder ./nowhere does not exist", "--model", "./nowhere")]
    [InlineData(Failure, "brownian pull stabilityai/sd-turbo", "--model", "stabilityai/sd-turbo")]
    [InlineData(Failure, "optimum-cli export onnx --model stabilityai/sd-turbo", "--model", "stabilityai/sd-turbo")]
    [InlineData(Failure, "brownian import v1-5.safetensors", "--model", "v1-5.safetensors")]
    [InlineData(Failure, "brownian import old.ckpt", "--model", "old.ckpt")]
    [InlineData(Failure, "No space left on device", "--steps", "1", "--format", "png", "-o", "/dev/full", "-q")]
    [InlineData(Failure, "no CUDA", "--device", "cuda")]
    public async Task An_invalid_option_ends_generate_with_one_line_that_names_it(int exitCode, string says, params string[] options)
    {
        using var folder = new TemporaryFolder();
        await AssertRefusedAsync(
            folder, exitCode, says.Replace("--output: takes", "--output: - takes", StringComparison.Ordinal),
            ["generate", "red apple, flat", .. options]);
    }

    [Fact]
    public async Task Several_invalid_options_are_all_named()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await RunAsync(folder, "generate", "x", "--steps", "0", "--guidance", "-1", "--seed", "x");
        Assert.Equal(Usage, result.ExitCode);
        Assert.All(
            (string[])["steps: 0", "guidance_scale: -1", "seed: \"x\""], fault => Assert.Contains(fault, result.Error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_missing_prompt_is_a_usage_error()
    {
        using var folder = new TemporaryFolder();
        await AssertRefusedAsync(folder, Usage, "PROMPT: is missing", ["generate"]);
    }

    [Theory]
    [InlineData("{", "request: is not valid JSON: line 1, position 2")]
    [InlineData("[]", "request: is a JSON array; allowed: an object")]
    [InlineData("{\"prompt\": 1}", "prompt: 1 is not allowed; allowed: text")]
    [InlineData("{\"prompt\": \"a\", \"prompt\": \"b\"}", "prompt: is given twice")]
    [InlineData("{\"prompt\": \"\\ud800\"}", "prompt: is not valid Unicode")]
    [InlineData("{\"prompt\": \"x\", \"nonsense\": 1}", "nonsense: is not a field of a request")]
    [InlineData("{\"prompt\": \"x\", \"loras\": [{\"file\": \"a\"}]}", "loras[0]: there is no file \"a\"; no folder of adapters "
        + "is given (--adapters, BROWNIAN_ADAPTERS)")]
    [InlineData("{\"prompt\": \"x\", \"guess_mode\": true}", "guess_mode: is not supported by the family Stable "
        + "Diffusion 1.x/2.x without a control_image")]
    [InlineData("{\"prompt\": \"x\", \"control_image\": [\"gone.png\", 1]}", "control_image[1]: 1 is not allowed; allowed: text")]
    [InlineData("{\"prompt\": \"x\", \"control_image\": \"gone.png\"}", "control_image: \"gone.png\" cannot be read")]
    [InlineData(
        "{\"prompt\": \"x\", \"clip_skip\": 1}",
        "clip_skip: 1 is not allowed; allowed: 0: this model's text encoder has no output of an earlier layer")]
    [InlineData("{\"prompt\": \"x\", \"model\": \"emoji\", \"task\": \"upscale\"}", "task: \"upscale\" is not allowed; allowed: text-to-image")]
    [InlineData("{\"prompt\": \"x\", \"task\": \"upscale\"}", "model: is missing; no model that upscales images is found")]
    [InlineData("{\"prompt\": \"x\", \"seeds\": []}", "seeds: [] is not allowed")]
    [InlineData("{\"prompt\": \"x\", \"priority\": \"batch\"}", "priority: is a field of a gateway's job; allowed with --server")]
    [InlineData("{\"prompt\": \"x\", \"guidanceScale\": 5}", "guidanceScale: is not a field of a request")]
    [InlineData("{\"prompt\": \"x\", \"seeds\": [1, 2.5]}", "seeds: [1,2.5] is not allowed")]
    [InlineData("{\"prompt\": \"x\", \"seeds\": [1], \"count\": 2}", "seeds: sets the number of images")]
    [InlineData("{\"prompt\": \"x\", \"steps\": 5, \"timesteps\": [900, 1]}", "timesteps: DDIMScheduler does not support a list of timesteps")]
    [InlineData("{\"prompt\": \"x\", \"scheduler\": 5}", "scheduler: 5 is not allowed")]
    [InlineData("{\"prompt\": \"x\", \"output\": {\"size\": 1}}", "output.size: is not a field")]
    [InlineData("{\"prompt\": \"x\", \"scheduler\": {\"_class_name\": \"\\ud800\"}}", "scheduler._class_name: is not valid Unicode")]
    [InlineData("{\"prompt\": \"x\", \"output\": {\"quality\": 1, \"quality\": 2}}", "output.quality: is given twice")]
    [InlineData("{\"prompt\": \"x\", \"seed\": 18446744073709551615, \"count\": 2}", "seed: 18446744073709551615 is not allowed; allowed: at "
        + "most 18446744073709551614 with 2 images")]
    [InlineData("{\"steps\": 5}", "prompt: is missing")]
    public async Task An_invalid_request_file_ends_generate_with_one_line_that_names_the_field(string json, string says)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.Combine("request.json"), json, TestContext.Current.CancellationToken);
        await AssertRefusedAsync(folder, Usage, says, ["generate", "--request", "request.json"]);
    }

    [Fact]
    public async Task A_prompt_of_a_megabyte_is_refused_by_its_length()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(
            folder.Combine("request.json"), $"{{\"prompt\": \"{new string('x', 1 << 20)}\"}}", TestContext.Current.CancellationToken);
        await AssertRefusedAsync(folder, Usage, "prompt: has 1048576 characters; allowed: up to 32000", ["generate", "--request", "request.json"]);
    }

    [Theory]
    [InlineData("generate", "--hlep")]
    [InlineData("generate", "--version")]
    [InlineData("generate", "-x")]
    [InlineData("generate", "-1")]
    [InlineData("upscale", "--tiles")]
    [InlineData("interpolate", "a", "--frame")]
    [InlineData("info", "--jsn")]
    [InlineData("models", "show", "--all")]
    [InlineData("schedulers", "show", "--list")]
    [InlineData("jobs", "get", "-y")]
    [InlineData("workers", "pause", "--all")]
    public async Task An_unknown_option_is_refused_and_not_taken_for_an_argument(params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        await AssertRefusedAsync(folder, Usage, $"{arguments[^1]} is not an option", arguments);
    }

    [Fact]
    public async Task An_argument_that_begins_with_a_dash_can_follow_two_dashes()
    {
        using var folder = new TemporaryFolder();
        await AssertRefusedAsync(folder, Usage, "\"--none\" cannot be read", ["info", "--", "--none"]);
        await AssertRefusedAsync(folder, Usage, "seed: -1 is not allowed", ["generate", "--seed", "-1", "--", "-x"]);
    }

    [Theory]
    [InlineData("unet", "unet/model.onnx is missing")]
    [InlineData("text_encoder", "text_encoder/model.onnx is missing")]
    [InlineData("vae_decoder", "vae_decoder/model.onnx is missing")]
    [InlineData("tokenizer", "has no tokenizer folder")]
    [InlineData("scheduler", "has no scheduler/scheduler_config.json")]
    public async Task A_model_with_a_missing_part_is_refused_with_the_part_named(string without, string says)
    {
        using var folder = new TemporaryFolder();
        ShippedModel.LinkTo(folder.Combine("model"), without);
        await AssertRefusedAsync(folder, Failure, says, ["generate", "x", "--model", "./model"], "model");
    }

    [Theory]
    [InlineData("unet/model.onnx", "this is no graph", "unet/model.onnx cannot be loaded")]
    [InlineData("vae_decoder/model.onnx", "", "vae_decoder/model.onnx is an empty file")]
    [InlineData("scheduler/scheduler_config.json", "{\"_class_name\": \"Nonsense\"}", "scheduler_config.json: _class_name: \"Nonsense\"")]
    [InlineData("scheduler/scheduler_config.json", "{", "scheduler_config.json is not valid JSON")]
    [InlineData("scheduler/scheduler_config.json", "{}", "scheduler_config.json: _class_name: is missing")]
    [InlineData("tokenizer/tokenizer.json", "{\"model\": {\"type\": \"Unigram\"}}", "tokenizer.json is of type \"Unigram\"")]
    [InlineData("tokenizer/tokenizer.json", "{\"model\": {\"vocab\": {\"a\": \"b\"}, \"merges\": []}}",
        "tokenizer.json: \"a\" has \"b\" in place of an id")]
    [InlineData("tokenizer/tokenizer.json", "nonsense", "tokenizer.json is not valid JSON")]
    [InlineData("brownian.json", "{\"titel\": \"x\"}", "brownian.json: unknown field \"titel\"")]
    [InlineData("unet/config.json", "[]", "config.json is not a JSON object")]
    [InlineData("unet/config.json", "{\"a\": 1, \"a\": 2}", "config.json is not valid JSON")]
    [InlineData("unet/config.json", "{\"block_out_channels\": []}", "has 0 block_out_channels; it must have 1..8")]
    [InlineData("unet/config.json", "{\"sample_size\": 2000000000}", "has the sample_size 2000000000")]
    [InlineData("vae_decoder/config.json", "{\"block_out_channels\": [1, 2], \"scaling_factor\": 0.3}", "makes 4 pixels of a latent's side, by "
        + "the block_out_channels of config.json beside it they would be 2")]
    [InlineData("vae_decoder/config.json", "{\"scaling_factor\": 0}", "the scaling factor is 0; it must be above 0")]
    [InlineData("tokenizer/tokenizer.json", "{\"model\": {\"vocab\": {\"a\": 1}, "
        + "\"merges\": []}, \"added_tokens\": [{\"id\": 3}]}", "an added token has no content")]
    [InlineData("brownian.json", "{\"defaults\": {\"steps\": 0}}", "\"defaults.steps\" is 0; allowed: 1..1000")]
    [InlineData("brownian.json", "{\"checkpoint_sha256\": \"xyz\"}",
        "\"checkpoint_sha256\" is \"xyz\"; allowed: 64 hexadecimal digits in lower case")]
    [InlineData("brownian.json", "{\"examples\": [\"a\", 5]}", "\"examples[1]\" is 5; allowed: text")]
    [InlineData("brownian.json", "{\"defaults\": 5}", "\"defaults\" has the value 5")]
    public async Task A_model_with_a_damaged_file_is_refused_with_the_file_named(string file, string content, string says)
    {
        using var folder = new TemporaryFolder();
        ShippedModel.LinkTo(folder.Combine("model"), file);
        Directory.CreateDirectory(Path.GetDirectoryName(folder.Combine("model", file))!);
        await File.WriteAllTextAsync(folder.Combine("model", file), content, TestContext.Current.CancellationToken);
        await AssertRefusedAsync(folder, Failure, says, ["generate", "x", "--model", "./model"], "model");
    }

    [Fact]
    public async Task A_tokenizer_of_another_model_is_refused()
    {
        using var folder = new TemporaryFolder();
        ShippedModel.LinkTo(folder.Combine("model"), "tokenizer");
        Directory.CreateDirectory(folder.Combine("model", "tokenizer"));
        // Ids beyond the text encoder's embeddings.
        await File.WriteAllTextAsync(
            folder.Combine("model", "tokenizer", "vocab.json"),
            "{\"x</w>\": 90000, \"a\": 5, \"b</w>\": 6, \"ab</w>\": 7, \"<|startoftext|>\": 49406, \"<|endoftext|>\": 49407}",
            TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            folder.Combine("model", "tokenizer", "merges.txt"), "#version: 0.2\na b</w>\n", TestContext.Current.CancellationToken);
        await AssertRefusedAsync(folder, Failure, "do the tokenizer's files belong to this model?", ["generate", "x", "--model", "./model"], "model");
    }

    [Theory]
    [InlineData("cut.png", "init_image: is a PNG file that ends early")]
    [InlineData("text.png", "init_image: is not a PNG, JPEG, WebP or GIF file")]
    [InlineData("huge.png", "init_image: is 20000x20000 pixels")]
    [InlineData("missing.png", "init_image: \"missing.png\" cannot be read")]
    [InlineData("data:image/png;base64,***", "init_image: is a data URL that is not base64")]
    public async Task An_invalid_image_file_is_refused_before_a_model_runs(string image, string says)
    {
        using var folder = new TemporaryFolder();
        byte[] whole = await File.ReadAllBytesAsync(Repository.Combine("docs", "red-apple.png"), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(folder.Combine("cut.png"), whole[..(whole.Length / 2)], TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.Combine("text.png"), "no picture", TestContext.Current.CancellationToken);
        byte[] huge = [.. whole];
        // The header's width and height: 20,000 each.
        ((byte[])[0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20]).CopyTo(huge, 16);
        BinaryPrimitives.WriteUInt32BigEndian(huge.AsSpan(29), Crc32(huge.AsSpan(12, 17)));
        await File.WriteAllBytesAsync(folder.Combine("huge.png"), huge, TestContext.Current.CancellationToken);
        await AssertRefusedAsync(folder, Usage, says, ["generate", "x", "--init-image", image], "cut.png", "text.png", "huge.png");
    }

    [Fact]
    public async Task Missing_and_unknown_fields_of_a_task_are_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Repository.Combine("docs", "red-apple.png"), folder.Combine("apple.png"));
        await AssertRefusedAsync(
            folder, Usage, "init_image: is missing; inpaint requires an image", ["generate", "x", "--mask", "apple.png"], "apple.png");
        await AssertRefusedAsync(folder, Usage, "strength: is not supported", ["generate", "x", "--strength", "0.5"], "apple.png");
        await AssertRefusedAsync(
            folder, Usage, "strength: 0 is not allowed; allowed: above 0", ["generate", "x", "--init-image", "apple.png", "--strength", "0"],
            "apple.png");
        await AssertRefusedAsync(
            folder, Usage, "prompt_2: is not supported by the family Stable Diffusion 1.x/2.x", ["generate", "x", "--prompt-2", "y"], "apple.png");
        await AssertRefusedAsync(folder, Failure, "has no graph model_fp16.onnx", ["generate", "x", "--precision", "fp16"], "apple.png");
    }

    [Fact]
    public async Task A_diffusers_folder_is_answered_with_how_it_is_imported()
    {
        using var folder = new TemporaryFolder();
        foreach (string part in (string[])["unet", "vae", "text_encoder"])
        {
            Directory.CreateDirectory(folder.Combine("sd15", part));
            await File.WriteAllTextAsync(folder.Combine("sd15", part, "model.safetensors"), "", TestContext.Current.CancellationToken);
        }
        await AssertRefusedAsync(folder, Failure, "Import them first: brownian import ", ["generate", "x", "--model", "./sd15"], "sd15");
    }

    [Fact]
    public async Task A_file_without_settings_is_refused_by_like_and_info()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.Combine("text.png"), "no picture", TestContext.Current.CancellationToken);
        await AssertRefusedAsync(folder, Usage, "--like: text.png is not a PNG, JPEG or WebP file", ["generate", "--like", "text.png"], "text.png");
        await AssertRefusedAsync(folder, Failure, "text.png is not a PNG, JPEG or WebP file", ["info", "text.png"], "text.png");
        await AssertRefusedAsync(folder, Usage, "\"missing.png\" cannot be read", ["info", "missing.png"], "text.png");
    }

    /// <summary>The checksum at the end of PNG's chunks (ISO 3309).</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
            }
        }
        return ~crc;
    }

    private static Task<ProgramResult> RunAsync(TemporaryFolder folder, params string[] arguments) =>
        CommandLine.RunAsync(folder, arguments);

    private static async Task AssertRefusedAsync(
        TemporaryFolder folder, int exitCode, string says, string[] arguments, params string[] expectedEntries) =>
        AssertRefused(folder, await RunAsync(folder, arguments), exitCode, says, expectedEntries);

    private static void AssertRefused(TemporaryFolder folder, ProgramResult result, int exitCode, string says, params string[] expectedEntries)
    {
        string line = Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("brownian: ", line, StringComparison.Ordinal);
        Assert.Contains(says, line, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Empty(result.Output);
        string[] kept = ["request.json", .. expectedEntries];
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(folder.FullPath), entry => !kept.Contains(Path.GetFileName(entry)));
    }
}
