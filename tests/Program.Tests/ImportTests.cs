using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Formats.Onnx;
using Brownian.Imaging;
using Brownian.Import.Tests;
using Brownian.Import.Tests.MadeUp;

namespace Brownian.Program.Tests;

/// <summary><c>brownian import</c> in the way of a user.</summary>
public sealed class ImportTests : IDisposable
{
    private readonly Checkpoints _checkpoints = new();
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task A_folder_and_a_file_become_models_that_are_found_by_name_and_make_images()
    {
        ProgramResult folder = await RunAsync("import", _checkpoints.Folder("tiny-sd15"), "--name", "of-folder");
        ProgramResult file = await RunAsync(
            "import", Path.Combine(_checkpoints.Folder("single-file"), "tiny-sd15.safetensors"), "--config", _checkpoints.Folder("tiny-sd15"));

        Assert.True(folder.ExitCode == 0, folder.Error);
        Assert.True(file.ExitCode == 0, file.Error);
        Assert.Contains("100 %", folder.Error, StringComparison.Ordinal);
        Assert.Contains("Try it: brownian generate \"a red apple\" --model of-folder", folder.Error, StringComparison.Ordinal);
        string list = (await RunAsync("models", "list")).OutputText;
        Assert.Contains("of-folder", list, StringComparison.Ordinal);
        Assert.Contains("tiny-sd15", list, StringComparison.Ordinal);
        byte[][] images =
        [
            .. await Task.WhenAll(((string[])["of-folder", "tiny-sd15"]).Select(async model =>
            {
                ProgramResult result = await RunAsync("generate", "a red apple", "--model", model, "--seed", "1", "--steps", "2", "-o", "-");
                Assert.True(result.ExitCode == 0, result.Error);
                return result.Output;
            })),
        ];
        Assert.NotEmpty(images[0]);
        JsonObject[] manifests =
        [
            .. ((string[])["of-folder", "tiny-sd15"]).Select(model => JsonNode.Parse(
                File.ReadAllText(_folder.Combine(Path.Combine("brownian", "models", model, "brownian.json"))))!.AsObject()),
        ];
        // The same weights, whatever file they were in.
        Assert.Equal((string?)manifests[0]["fingerprint"], (string?)manifests[1]["fingerprint"]);
    }

    [Fact]
    public async Task A_file_of_a_transformer_becomes_the_folders_model_with_what_is_named_beside_it()
    {
        string checkpoint = _checkpoints.Folder("tiny-flux-dev");
        string file = AuthorsFile.Transformer(checkpoint, "").Write(_folder.Combine("flux.safetensors"));
        ProgramResult folder = await RunAsync("import", checkpoint, "--name", "of-folder");
        ProgramResult alone = await RunAsync("import", file, "--name", "alone"), whole = await RunAsync(
            "import", file, "--name", "of-file", "--config", checkpoint, "--vae", Path.Combine(checkpoint, "vae"),
            "--text-encoder", Path.Combine(checkpoint, "text_encoder"), "--text-encoder", Path.Combine(checkpoint, "text_encoder_2"));

        Assert.True(folder.ExitCode == 0, folder.Error);
        Assert.True(whole.ExitCode == 0, whole.Error);
        Assert.Equal(Fingerprint("of-folder"), Fingerprint("of-file"));
        Assert.Equal(1, alone.ExitCode);
        Assert.Contains("it has no T5 text encoder; give its file or folder with --text-encoder", alone.Error, StringComparison.Ordinal);

        string? Fingerprint(string model) => (string?)JsonNode.Parse(
            File.ReadAllText(_folder.Combine(Path.Combine("brownian", "models", model, "brownian.json"))))!["fingerprint"];
    }

    [Fact]
    public async Task A_file_named_as_a_model_is_imported_once_and_pruned()
    {
        string file = _folder.Combine("made-up.safetensors");
        MadeUpCheckpoint.WriteFile(file, MadeUpModel.Small);
        string[] generate = ["generate", "a red apple", "--model", file, "--seed", "1", "--steps", "1", "--size", "64x64", "-o", "-"];

        ProgramResult first = await RunAsync(generate), second = await RunAsync(generate);

        Assert.True(first.ExitCode == 0, first.Error);
        Assert.Contains("is imported once, into ", first.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("imported", second.Error, StringComparison.Ordinal);
        Assert.Equal(first.Output, second.Output);
        Assert.Contains("made-up-", (await RunAsync("models", "list")).OutputText, StringComparison.Ordinal);
        Assert.Equal("", (await RunAsync("models", "prune")).OutputText);
        Assert.Contains("made-up-", (await RunAsync("models", "prune", "--all")).OutputText, StringComparison.Ordinal);
        Assert.DoesNotContain("made-up-", (await RunAsync("models", "list")).OutputText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Graphs_are_kept_as_they_are_in_memory_and_give_the_same_image()
    {
        string file = _folder.Combine("made-up.safetensors");
        MadeUpCheckpoint.WriteFile(file, MadeUpModel.Small);
        ProgramResult import = await RunAsync("import", file, "--optimize");
        Assert.True(import.ExitCode == 0, import.Error);
        string[] parts = ["text_encoder", "unet", "vae_decoder", "vae_encoder"];
        Assert.All(parts, part => Assert.Matches($@"optimised {part} in [\d.]+ s: [\d.]+ MB in ", import.Error));
        string[] generate =
            ["generate", "a red apple", "--model", "made-up", "--seed", "1", "--steps", "1", "--size", "64x64", "-o", "-", "--optimize"];
        ProgramResult first = await RunAsync(generate);
        // All forms were there.
        Assert.DoesNotContain("optimised", first.Error, StringComparison.Ordinal);
        Assert.Equal(4, (await RunAsync("models", "prune", "--all")).OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        ProgramResult second = await RunAsync(generate);
        // Those that an image needs are made at the first use.
        Assert.Equal(3, second.Error.Split("optimised ").Length - 1);
        ProgramResult plain = await RunAsync(generate[..^1]), small = await RunAsync([.. generate[..^1], "--low-memory"]);

        Assert.NotEmpty(first.Output);
        Assert.All([second, plain], result => Assert.Equal(first.Output, result.Output));
        Assert.True(small.ExitCode == 0, small.Error);
        Assert.NotEmpty(small.Output);
    }

    [Fact]
    public async Task A_model_of_8_bits_is_compared_with_float32()
    {
        ProgramResult import = await RunAsync("import", _checkpoints.Folder("tiny-sdxl"), "--precision", "int8", "--name", "small");
        ProgramResult plain = await RunAsync("import", _checkpoints.Folder("tiny-sdxl"), "--name", "large");

        Assert.True(import.ExitCode == 0, import.Error);
        Assert.Equal(3, import.Error.Split("latents differ from float32 by ").Length - 1);
        string models = _folder.Combine("brownian", "models");
        Assert.Equal(["large", "small"], Directory.GetFileSystemEntries(models).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        long[] sizes =
        [
            .. ((string[])["small", "large"]).Select(model => new FileInfo(Path.Combine(models, model, "unet", "model.onnx_data")).Length),
        ];
        Assert.True(sizes[0] < sizes[1], $"{sizes[0]} bytes, {sizes[1]} in float32");
        string[] generate = ["generate", "a red apple", "--model", "small", "--seed", "1", "--steps", "2", "-o", "-"];
        ProgramResult image = await RunAsync(generate);
        Assert.True(image.ExitCode == 0, image.Error);
        Assert.NotEmpty(image.Output);
        ProgramResult lora = await RunAsync(
            [.. generate, "--lora", Repository.Combine("tests", "Golden.Tests", "Data", "loras", "sdxl-peft.safetensors")]);
        Assert.Equal(2, lora.ExitCode);
        Assert.Contains("not float32, float16 or bfloat16", lora.Error, StringComparison.Ordinal);
        ProgramResult again = await RunAsync("import", _checkpoints.Folder("tiny-sdxl"), "--precision", "int8", "--name", "small");
        Assert.Contains("exists already", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_of_16_bits_is_compared_with_float32_and_takes_adapters()
    {
        ProgramResult import = await RunAsync("import", _checkpoints.Folder("tiny-sdxl"), "--precision", "float16", "--name", "small");
        Assert.True(import.ExitCode == 0, import.Error);
        Assert.Equal(3, import.Error.Split("latents differ from float32 by 0.").Length - 1);
        Assert.Contains("the autoencoder stays in float32", import.Error, StringComparison.Ordinal);
        string lora = Repository.Combine("tests", "Golden.Tests", "Data", "loras", "sdxl-peft.safetensors");
        string[] generate = ["generate", "a red apple", "--model", "small", "--seed", "1", "--steps", "2", "-o", "-"];
        ProgramResult plain = await RunAsync(generate), adapted = await RunAsync([.. generate, "--lora", lora]);
        Assert.True(adapted.ExitCode == 0, adapted.Error);
        Assert.NotEqual(plain.Output, adapted.Output);

        // What a killed import of another precision left is removed.
        string left = _folder.Combine("brownian", "models", ".control.precision");
        Directory.CreateDirectory(left);
        await File.WriteAllTextAsync(Path.Combine(left, "weights"), "", TestContext.Current.CancellationToken);
        ProgramResult alone = await RunAsync(
            "import", Path.Combine(_checkpoints.Folder("tiny-sd15-controlnet"), "controlnet"), "--precision", "float16", "--name", "control");
        Assert.True(alone.ExitCode == 0, alone.Error);
        Assert.Contains("not compared with float32: a network alone makes no picture", alone.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(left));
        ProgramResult refused = await RunAsync(
            "import", Path.Combine(_checkpoints.Folder("tiny-sd15-controlnet"), "controlnet"), "--precision", "int8", "--name", "other");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("allowed: float32, float16 for a network alone or an upscaler", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_is_imported_for_ControlNets_draws_with_one_that_is_imported_alone()
    {
        string net = Path.Combine(_checkpoints.Folder("tiny-sd15-controlnet"), "controlnet"), adapters = _folder.Combine("adapters");
        foreach (string[] import in (string[][])
            [
                [_checkpoints.Folder("tiny-sd15"), "--name", "plain"],
                [_checkpoints.Folder("tiny-sd15"), "--name", "controlled", "--controlnet"],
                [net, "--name", "edges", "--to", adapters],
            ])
        {
            ProgramResult imported = await RunAsync(["import", .. import]);
            Assert.True(imported.ExitCode == 0, imported.Error);
        }
        string image = Repository.Combine("tests", "Golden.Tests", "Data", "images", "control-64x64.png");
        string[] request = ["generate", "a red apple", "--seed", "1", "--steps", "2", "-o", "-", "--model"];
        string[] control = ["--adapters", adapters, "--controlnet", "edges", "--control-image", image];

        ProgramResult drawn = await RunAsync([.. request, "controlled"]), plain = await RunAsync([.. request, "plain"]);
        ProgramResult controlled = await RunAsync([.. request, "controlled", .. control]);
        ProgramResult refused = await RunAsync([.. request, "plain", .. control]);

        Assert.True(controlled.ExitCode == 0, controlled.Error);
        Assert.Equal(Pixels(plain), Pixels(drawn));
        Assert.NotEqual(Pixels(plain), Pixels(controlled));
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("import the model with --controlnet", refused.Error, StringComparison.Ordinal);
        ProgramResult none = await RunAsync("import", _checkpoints.Folder("tiny-flux-dev"), "--controlnet");
        Assert.Contains("has no UNet of Stable Diffusion", none.Error, StringComparison.Ordinal);
        ProgramResult other = await RunAsync("import", _checkpoints.Folder("tiny-x4-upscaler"), "--controlnet");
        Assert.Contains("ControlNets are for UNets of Stable Diffusion with 4 or 9 channels; this one has 7", other.Error, StringComparison.Ordinal);

        static byte[] Pixels(ProgramResult result) => ImageReader.Read(result.Output).Pixels;
    }

    [Fact]
    public async Task Without_a_comparison_the_convolutions_stay_in_float32()
    {
        ProgramResult import = await RunAsync(
            "import", _checkpoints.Folder("tiny-sd15"), "--precision", "int8", "--no-comparison", "--name", "small");
        Assert.True(import.ExitCode == 0, import.Error);
        Assert.DoesNotContain("differ from float32", import.Error, StringComparison.Ordinal);
        OnnxInitializer[] weights =
        [
            .. OnnxStructure.Read(_folder.Combine("brownian", "models", "small", "unet", "model.onnx")).Initializers
                .Where(weight => weight.Name.EndsWith(".weight", StringComparison.Ordinal)),
        ];
        Assert.Contains("convolutions stay in float32: without a comparison", import.Error, StringComparison.Ordinal);
        Assert.Contains(weights, weight => weight.Type == OnnxInitializer.Float32 && weight.Shape.Count == 4);
        Assert.Contains(weights, weight => weight.Type != OnnxInitializer.Float32);
        Assert.All(weights, weight => Assert.True(weight.Shape.Count != 4 || weight.Type == OnnxInitializer.Float32, weight.Name));
    }

    [Fact]
    public async Task Convolutions_stay_in_float32_where_the_difference_is_too_large()
    {
        ProgramResult import = await RunAsync("import", _checkpoints.Folder("tiny-if"), "--precision", "int8", "--name", "small");
        Assert.True(import.ExitCode == 0, import.Error);
        Assert.Contains("more than 10 % on average: convolutions stay in float32", import.Error, StringComparison.Ordinal);
        Assert.Equal(6, import.Error.Split("latents differ from float32 by ").Length - 1);
        Assert.Contains("(float32, to compare)", import.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_that_take_images_are_compared_checked_and_shown_with_them()
    {
        ProgramResult inpainting = await RunAsync(
            "import", _checkpoints.Folder("tiny-inpaint"), "--precision", "float16", "--check", "--name", "inpaint");
        Assert.True(inpainting.ExitCode == 0, inpainting.Error);
        Assert.Equal(3, inpainting.Error.Split("latents differ from float32 by ").Length - 1);
        Assert.Contains("checked: ", inpainting.Error, StringComparison.Ordinal);
        Assert.Contains(
            "Try it: brownian generate \"a red apple\" --init-image photo.png --mask mask.png --model inpaint -o apple.png", inpainting.Error,
            StringComparison.Ordinal);
        ProgramResult variation = await RunAsync("import", _checkpoints.Folder("tiny-karlo-variation"), "--check", "--name", "vary");
        Assert.True(variation.ExitCode == 0, variation.Error);
        Assert.Contains("checked: ", variation.Error, StringComparison.Ordinal);
        Assert.Contains(
            "Try it: brownian generate --init-image photo.png --set 'task=\"variation\"' --model vary -o apple.png", variation.Error,
            StringComparison.Ordinal);
        ProgramResult enlarging = await RunAsync("import", _checkpoints.Folder("tiny-x4-upscaler"), "--name", "enlarge");
        Assert.True(enlarging.ExitCode == 0, enlarging.Error);
        Assert.Contains(
            "Try it: brownian upscale photo.png --prompt \"a red apple\" --model enlarge -o large.png", enlarging.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_is_checked_with_a_picture_and_takes_clip_skip()
    {
        ProgramResult import = await RunAsync("import", _checkpoints.Folder("tiny-sd15"), "--check");
        Assert.True(import.ExitCode == 0, import.Error);
        Assert.Matches(@"checked: ""a red apple on a wooden table"", 64x64, 8 steps, [\d.]+ s: levels of \d+ on average", import.Error);

        string[] generate = ["generate", "a red apple", "--model", "tiny-sd15", "--seed", "1", "--steps", "2", "-o", "-", "--clip-skip"];
        ProgramResult none = await RunAsync([.. generate, "0"]), one = await RunAsync([.. generate, "1"]), many = await RunAsync([.. generate, "99"]);
        Assert.True(one.ExitCode == 0, one.Error);
        Assert.NotEqual(none.Output, one.Output);
        Assert.Equal(2, many.ExitCode);
        Assert.Contains("clip_skip", many.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_is_spared_where_it_is_short_and_the_command_says_so()
    {
        string[] generate = ["generate", "a red apple", "--seed", "1", "--steps", "1", "-o", "-"];
        // The limit of the managed heap, in hexadecimal, is what the process may have.
        (string, string)[] limit = [("DOTNET_GCHeapHardLimit", "0x20000000")];

        ProgramResult plain = await RunAsync(generate), spared = await RunAsync(limit, generate);
        ProgramResult refused = await RunAsync(limit, [.. generate, "--low-memory", "false"]);

        const string Note = "one stage is in memory at a time, and guidance's passes run one after the other";
        Assert.DoesNotContain(Note, plain.Error, StringComparison.Ordinal);
        Assert.Contains(Note, spared.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Note, refused.Error, StringComparison.Ordinal);
        Assert.Equal(plain.Output, refused.Output);
        Assert.NotEmpty(spared.Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_upscaler_from_a_file_enlarges_an_image_whole_and_in_tiles(bool isCompact)
    {
        string file = _folder.Combine("x2.pth"), scene = Repository.Combine("tests", "Golden.Tests", "Data", "images", "scene-b-48x32.png");
        var made = isCompact ? MadeUpUpscaler.Compact(1, scale: 2) : MadeUpUpscaler.Rrdb(1, unshuffle: 2);
        MadeUpUpscaler.WriteTorch(file, isOld: isCompact, (isCompact ? "params" : "params_ema", made.Named("basic")));

        ProgramResult imported = await RunAsync("import", file, "--name", "my-x2");
        ProgramResult whole = await RunAsync("upscale", scene, "--model", "my-x2", "--tile", "0", "-o", "-");
        ProgramResult tiles = await RunAsync("upscale", scene, "--model", "my-x2", "--tile", "16", "-o", "-");
        ProgramResult named = await RunAsync("upscale", scene, "--model", file, "--tile", "0", "-o", "-");

        Assert.True(imported.ExitCode == 0, imported.Error);
        Assert.Contains("convolutional upscaler", imported.OutputText, StringComparison.Ordinal);
        Assert.Contains("Try it: brownian upscale photo.png --model my-x2 -o large.png", imported.Error, StringComparison.Ordinal);
        Assert.All((ProgramResult[])[whole, tiles, named], result => Assert.True(result.ExitCode == 0, result.Error));
        Raster image = ImageReader.Read(whole.Output), tiled = ImageReader.Read(tiles.Output);
        Assert.Equal((96, 64), (image.Width, image.Height));
        byte[] pixels = Pixels(image), others = Pixels(tiled);
        Assert.InRange(pixels.Distinct().Count(), 30, 256);
        Assert.InRange(pixels.Zip(others, (pixel, other) => Math.Abs(pixel - other)).Max(), 0, 2);
        Assert.Equal(pixels, Pixels(ImageReader.Read(named.Output)));
        Assert.Contains("is imported once, into ", named.Error, StringComparison.Ordinal);

        static byte[] Pixels(Raster raster) => [.. Enumerable.Range(0, raster.Height).SelectMany(row => raster.Row(row).ToArray())];
    }

    [Fact]
    public async Task What_the_options_do_not_say_as_the_user_expects_is_told()
    {
        ProgramResult variant = await RunAsync("import", _checkpoints.Folder("tiny-sd15"), "--variant", "fp8");
        Assert.True(variant.ExitCode == 0, variant.Error);
        Assert.Contains("no weights of the variant fp8 are in the folder: the others are imported", variant.Error, StringComparison.Ordinal);

        ProgramResult shipped = await RunAsync("import", _checkpoints.Folder("tiny-sd15"), "--name", "emoji");
        Assert.Equal(2, shipped.ExitCode);
        Assert.Contains("--name: \"emoji\" is not allowed; allowed: another name, because ", shipped.Error, StringComparison.Ordinal);

        string page = _folder.Combine("README.safetensors"), network = _folder.Combine("flux.safetensors");
        await File.WriteAllTextAsync(page, "# A model\n\nwith a page of its own\n", TestContext.Current.CancellationToken);
        ProgramResult text = await RunAsync("import", page);
        Assert.Equal(1, text.ExitCode);
        Assert.Contains("README.safetensors is a text file, which contains no weights", text.Error, StringComparison.Ordinal);

        AuthorsFile.Transformer(_checkpoints.Folder("tiny-flux-dev"), "").Write(network);
        ProgramResult alone = await RunAsync("generate", "a red apple", "--model", network, "-o", "-");
        Assert.Equal(1, alone.ExitCode);
        Assert.Contains("(these are options of \"brownian import\"", alone.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SOURCE: \"nowhere\" is not allowed; allowed: a diffusers folder or a file that exists", "nowhere")]
    [InlineData("--ema: is only for a single file", ".", "--ema")]
    [InlineData("--name: \"../up\" is not allowed", ".", "--name", "../up")]
    [InlineData("a name for a folder of up to 128 characters", ".", "--name", "two\nlines")]
    [InlineData("--prediction: \"x0\" is not allowed; allowed: epsilon, v_prediction", ".", "--prediction", "x0")]
    [InlineData("--precision: \"int4\" is not allowed; allowed: float32, float16, int8", ".", "--precision", "int4")]
    [InlineData("--no-comparison: is only for --precision float16 and int8", ".", "--no-comparison")]
    [InlineData("--portable: cannot be given with --precision int8", ".", "--precision", "int8", "--portable")]
    [InlineData("--config: \"nowhere\" is not allowed; allowed: a diffusers folder that exists", ".", "--config", "nowhere")]
    [InlineData("--vae: \"nowhere\" is not allowed; allowed: a file or folder that exists", ".", "--vae", "nowhere")]
    [InlineData("--text-encoder: \"no\" is not allowed; allowed: a file or folder that exists", ".", "--text-encoder", ".", "--text-encoder", "no")]
    [InlineData("--tokenizer: \"nowhere\" is not allowed; allowed: a folder that exists", ".", "--tokenizer", "nowhere")]
    public async Task A_wrong_option_is_named(string says, params string[] arguments)
    {
        ProgramResult result = await RunAsync(["import", .. arguments]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(says, result.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.FullPath));
    }

    public void Dispose()
    {
        _checkpoints.Dispose();
        _folder.Dispose();
    }

    /// <summary>Runs the program with a user's folder of its own.</summary>
    private Task<ProgramResult> RunAsync(params string[] arguments) => RunAsync([], arguments);

    private Task<ProgramResult> RunAsync((string Name, string Value)[] variables, string[] arguments) => BrownianProgram.RunAsync(new ProgramRun
    {
        Arguments = arguments,
        Environment = variables.Append(("XDG_DATA_HOME", _folder.FullPath)).ToDictionary(pair => pair.Item1, pair => pair.Item2),
    });
}
