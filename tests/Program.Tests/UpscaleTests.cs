using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference.Tests.Models;

namespace Brownian.Program.Tests;

/// <summary><c>brownian upscale</c>, locally and by a gateway.</summary>
/// <param name="served">The models, and a gateway that serves them.</param>
public sealed class UpscaleTests(ServedUpscalers served) : IClassFixture<ServedUpscalers>
{
    private const int Failure = 1;
    private const int Usage = 2;

    /// <summary>48x32 pixels.</summary>
    private static readonly string Scene = Repository.Combine("tests", "Golden.Tests", "Data", "images", "scene-b-48x32.png");

    [Theory]
    [InlineData(ServedUpscalers.Diffusion, 4, "--steps", "3", "--seed", "5", "--tile", "16", "--tile-overlap", "8", "--prompt", "a cat")]
    [InlineData(ServedUpscalers.Diffusion, 4, "--steps", "2", "--seed", "5")]
    [InlineData(ServedUpscalers.Convolutional, StubUpscaler.Scale, "--tile", "20")]
    [InlineData(ServedUpscalers.Convolutional, StubUpscaler.Scale)]
    public async Task An_upscaled_image_has_the_same_bytes_locally_by_a_job_and_by_a_direct_call(string model, int scale, params string[] options)
    {
        using var folder = new TemporaryFolder();
        string[] command = ["upscale", Scene, "--model", model, "-q", .. options];
        await RunWellAsync(folder, [.. command, "-o", "here.png", "--models", served.Folder]);
        await RunWellAsync(folder, [.. command, "-o", "job.png", "--server", served.Grpc]);
        await RunWellAsync(folder, [.. command, "-o", "direct.png", "--server", served.Grpc, "--direct"]);
        byte[] here = Bytes(folder, "here.png");
        Raster made = ImageReader.Read(here);
        Assert.Equal((48 * scale, 32 * scale), (made.Width, made.Height));
        Assert.Equal(here, Bytes(folder, "job.png"));
        Assert.Equal(here, Bytes(folder, "direct.png"));
    }

    [Fact]
    public async Task Upscale_without_a_model_uses_the_only_upscaler_and_names_the_file_after_the_image()
    {
        using TemporaryFolder folder = new(), models = new();
        new StubUpscaler().Save(models.Combine("only"));
        ProgramResult result = await RunWellAsync(folder, "upscale", Scene, "--models", models.FullPath, "--json");
        Assert.Contains("\"model\":\"only\"", result.OutputText, StringComparison.Ordinal);
        Assert.True(File.Exists(folder.Combine("scene-b-48x32-upscaled-0.png")), result.OutputText);
    }

    [Fact]
    public async Task Upscale_without_a_model_lists_several_upscalers_locally_and_by_a_gateway()
    {
        using var folder = new TemporaryFolder();
        await AssertRefusedAsync(
            folder, Usage, "model: is missing; allowed: conv-2x, tiny-x4-upscaler", "upscale", Scene, "--models", served.Folder);
        await AssertRefusedAsync(folder, Usage, "model: is missing; allowed: conv-2x, tiny-x4-upscaler", "upscale", Scene, "--server", served.Grpc);
        await AssertRefusedAsync(folder, Usage, "model: is missing; no model that upscales images is found in", "upscale", Scene);
    }

    [Theory]
    [InlineData(Usage, "init_image: \"gone.png\" cannot be read", "gone.png", "--model", "tiny-x4-upscaler")]
    [InlineData(Usage, "init_image: is not a PNG, JPEG, WebP or GIF file", "text.png", "--model", "tiny-x4-upscaler")]
    [InlineData(Usage, "init_image: \"2052x8 pixels\" is not allowed; allowed: up to 2048 on each "
        + "side: the image would become 8208x32", "wide.png", "--model", "tiny-x4-upscaler")]
    [InlineData(Usage, "init_image: \"3x3 pixels\" is not allowed; allowed: at least", "small.png", "--model", "tiny-x4-upscaler")]
    [InlineData(Usage, "task: \"upscale\" is not allowed; allowed: text-to-image, image-to-image, inpaint, preview", "small.png", "--model", "emoji")]
    [InlineData(Usage, "tile: 9000 is not allowed; allowed: 0..8192", "small.png", "--model", "conv-2x", "--tile", "9000")]
    [InlineData(Usage, "tile: \"many\" is not allowed; allowed: 0..8192", "small.png", "--model", "conv-2x", "--tile", "many")]
    [InlineData(Usage, "tile_overlap: 9 is not allowed; allowed: 0..8", "wide.png", "--model", "conv-2x", "--tile", "16", "--tile-overlap", "9")]
    [InlineData(Usage, "steps: is not supported by the family convolutional upscaler in upscale", "small.png", "--model", "conv-2x", "--steps", "5")]
    [InlineData(Usage, "seed: is not supported by the family convolutional upscaler in upscale", "small.png", "--model", "conv-2x", "--seed", "5")]
    [InlineData(
        Usage, "prompt: is not supported by the family convolutional upscaler in upscale", "small.png", "--model", "conv-2x", "--prompt", "x")]
    [InlineData(Usage, "noise_level: 351 is not "
        + "allowed; allowed: 0..350 with this model", "wide.png", "--model", "tiny-x4-upscaler", "--noise-level", "351")]
    [InlineData(Failure, "There is no model \"nonsense\"", "small.png", "--model", "nonsense")]
    public async Task Invalid_arguments_of_upscale_are_refused_by_field_before_any_graph_is_loaded(
        int exitCode, string says, string image, params string[] options)
    {
        using TemporaryFolder folder = new(), models = new();
        // These graphs cannot be loaded: a later fault would be another one.
        foreach (string name in (string[])[ServedUpscalers.Diffusion, ServedUpscalers.Convolutional])
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(served.Folder, name), "*", SearchOption.AllDirectories))
            {
                string copy = models.Combine(Path.GetRelativePath(served.Folder, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                if (Path.GetExtension(file) == ".onnx")
                {
                    await File.WriteAllTextAsync(copy, "this is no graph", TestContext.Current.CancellationToken);
                }
                else
                {
                    File.Copy(file, copy);
                }
            }
        }
        await File.WriteAllTextAsync(folder.Combine("text.png"), "no picture", TestContext.Current.CancellationToken);
        foreach ((string name, int width, int height) in ((string, int, int)[])[("wide.png", 2052, 8), ("small.png", 3, 3)])
        {
            await File.WriteAllBytesAsync(
                folder.Combine(name), ImageWriter.Encode(new PixelImage(width, height, new byte[3 * width * height]), new(), ""),
                TestContext.Current.CancellationToken);
        }
        await AssertRefusedAsync(folder, exitCode, says, ["upscale", image, "--models", models.FullPath, .. options]);
    }

    [Fact]
    public async Task Tiles_are_refused_for_a_text_to_image_model()
    {
        using var folder = new TemporaryFolder();
        await AssertRefusedAsync(folder, Usage, "tile: is not supported by the family Stable Diffusion", "generate", "x", "--set", "tile=64");
    }

    private static byte[] Bytes(TemporaryFolder folder, string file) => File.ReadAllBytes(folder.Combine(file));

    private static async Task<ProgramResult> RunWellAsync(TemporaryFolder folder, params string[] arguments)
    {
        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });
        Assert.True(result.ExitCode == 0, result.Error);
        return result;
    }

    private static async Task AssertRefusedAsync(TemporaryFolder folder, int exitCode, string says, params string[] arguments)
    {
        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });
        Assert.Contains(says, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.Equal(exitCode, result.ExitCode);
    }
}
