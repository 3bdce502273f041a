using Brownian.Imaging;

namespace Brownian.Program.Tests;

/// <summary><c>brownian interpolate</c>, locally and by a gateway.</summary>
/// <param name="served">A gateway.</param>
public sealed class InterpolateTests(ServedVariations served) : IClassFixture<ServedVariations>
{
    private const int Usage = 2;
    private static readonly string[] Quick = ["--steps", "2", "--seed", "3"];

    private static readonly string First = Repository.Combine("tests", "Golden.Tests", "Data", "images", "scene-a-64.png");
    private static readonly string Second = Repository.Combine("tests", "Golden.Tests", "Data", "images", "scene-b-64.png");

    [Fact]
    public async Task Frames_between_prompts_end_with_the_plain_images_and_are_the_same_by_a_job()
    {
        using var folder = new TemporaryFolder();
        string[] command = ["interpolate", "red apple", "green apple", "--frames", "3", .. Quick, "-q"];

        await RunWellAsync(folder, [.. command, "-o", "here/"]);
        await RunWellAsync(folder, [.. command, "-o", "job/", "--server", served.Grpc]);
        await RunWellAsync(folder, ["generate", "red apple", .. Quick, "-q", "-o", "first.png"]);
        await RunWellAsync(folder, ["generate", "green apple", .. Quick, "-q", "-o", "last.png"]);

        byte[][] frames = Frames(folder, "here");
        Assert.Equal(3, frames.Select(Convert.ToHexString).Distinct().Count());
        Assert.Equal(frames, Frames(folder, "job"));
        Assert.Equal(Pixels(File.ReadAllBytes(folder.Combine("first.png"))), Pixels(frames[0]));
        Assert.Equal(Pixels(File.ReadAllBytes(folder.Combine("last.png"))), Pixels(frames[2]));
    }

    [Fact]
    public async Task Frames_between_images_are_the_same_by_a_job_and_named_after_both()
    {
        using TemporaryFolder here = new(), job = new();
        string[] command =
        [
            "interpolate", First, Second, "--model", ServedVariations.Model, "--frames", "3", "--seed", "3", "--set", "decoder_steps=2", "--set",
            "super_res_steps=2", "-q"
        ];

        await RunWellAsync(here, [.. command, "--models", ServedVariations.Folder]);
        await RunWellAsync(job, [.. command, "--server", served.Grpc]);

        string[] names = [.. Directory.GetFiles(here.FullPath).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];
        Assert.Equal(3, names.Length);
        Assert.All(names, name => Assert.StartsWith("scene-a-64-to-scene-b-64-3", name, StringComparison.Ordinal));
        Assert.Equal(Frames(here, ""), Frames(job, ""));
    }

    [Fact]
    public async Task The_settings_of_one_frame_give_all_frames_again()
    {
        using var folder = new TemporaryFolder();
        await RunWellAsync(folder, ["interpolate", "red apple", "green apple", "--frames", "3", .. Quick, "-q", "-o", "made/"]);

        await RunWellAsync(folder, ["generate", "--like", "made/1.png", "-q", "-o", "like/"]);

        Assert.Equal(Frames(folder, "made"), Frames(folder, "like"));
    }

    [Fact]
    public async Task Frames_stopped_and_resumed_in_another_folder_are_those_of_an_uninterrupted_run()
    {
        using TemporaryFolder folder = new(), elsewhere = new();
        File.Copy(First, folder.Combine("a.png"));
        File.Copy(Second, folder.Combine("b.png"));
        string[] settings =
        [
            "--model", ServedVariations.Model, "--models", ServedVariations.Folder, "--frames", "3", "--seed", "3", "--set", "decoder_steps=2",
            "--set", "super_res_steps=2", "-q"
        ];
        await RunWellAsync(folder, ["interpolate", "a.png", "b.png", .. settings, "-o", "whole/"]);
        await RunWellAsync(folder, ["interpolate", "a.png", "b.png", .. settings, "--stop-after", "decoder", "-o", "kept.safetensors"]);

        await RunWellAsync(elsewhere, ["generate", "--from", folder.Combine("kept.safetensors"), "-q", "-o", "go/"]);

        Assert.Equal(Frames(folder, "whole").Select(Pixels), Frames(elsewhere, "go").Select(Pixels));
    }

    [Theory]
    [InlineData("interpolate.frames: 1 is not allowed; allowed: 2..240", "a", "b", "--frames", "1")]
    [InlineData("interpolate.frames: \"many\" is not", "a", "b", "--frames", "many")]
    [InlineData("interpolate.images[0]: \"gone.png\" cannot be read", "gone.png", "gone.png")]
    [InlineData("\"a cat\" cannot be read", "a cat", "gone.png")]
    [InlineData("SECOND is missing", "a")]
    public async Task Invalid_arguments_of_interpolate_are_refused(string says, params string[] arguments)
    {
        using var folder = new TemporaryFolder();

        ProgramResult result =
            await BrownianProgram.RunAsync(new ProgramRun { Arguments = ["interpolate", .. arguments], WorkingDirectory = folder.FullPath });

        Assert.Contains(says, result.Error, StringComparison.Ordinal);
        Assert.Equal(Usage, result.ExitCode);
        Assert.Empty(Directory.GetFiles(folder.FullPath));
    }

    private static byte[][] Frames(TemporaryFolder folder, string inside) =>
        [.. Directory.GetFiles(Path.Combine(folder.FullPath, inside)).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    private static byte[] Pixels(byte[] file) => ImageReader.Read(file).Pixels;

    private static async Task RunWellAsync(TemporaryFolder folder, params string[] arguments)
    {
        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });
        Assert.True(result.ExitCode == 0, result.Error);
    }
}
