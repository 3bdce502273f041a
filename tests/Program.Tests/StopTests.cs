using Brownian.Imaging;

namespace Brownian.Program.Tests;

/// <summary>Requests that are stopped after a stage at a gateway, and resumed there or locally.</summary>
/// <param name="served">A gateway.</param>
public sealed class StopTests(ServedVariations served) : IClassFixture<ServedVariations>
{
    private static readonly string ImageFile = Repository.Combine("tests", "Golden.Tests", "Data", "images", "scene-a-64.png");

    private static readonly string[] Variation =
    [
        "generate", "--model", ServedVariations.Model, "--init-image", ImageFile, "--set", "task=\"variation\"", "--seed", "3", "--set",
        "decoder_steps=2", "--set", "super_res_steps=2",
    ];

    private string[] Server => ["--server", served.Grpc];

    [Fact]
    public async Task The_result_of_a_stopped_job_can_be_fetched_and_resumed_at_the_gateway()
    {
        using var folder = new TemporaryFolder();
        string id = (await RunWellAsync(folder, [.. Variation, "--stop-after", "decoder", "--detach", .. Server])).OutputText.TrimEnd();
        await RunWellAsync(folder, ["jobs", "watch", id, .. Server]);
        ProgramResult refused = await RunAsync(folder, ["jobs", "get", id, "-o", "kept.png", .. Server]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("--output: \"kept.png\" is not allowed; allowed: a file that ends in .safetensors", refused.Error, StringComparison.Ordinal);

        await RunWellAsync(folder, ["jobs", "get", id, "-o", "kept.safetensors", .. Server]);
        await RunWellAsync(folder, ["generate", "--from", "kept.safetensors", "-q", "-o", "gone-on.png", .. Server]);
        await RunWellAsync(folder, [.. Variation, "-q", "-o", "whole.png", .. Server]);

        Assert.Equal(Pixels(folder, "whole.png"), Pixels(folder, "gone-on.png"));
    }

    [Fact]
    public async Task A_run_stopped_by_a_request_field_or_locally_resumes_at_the_gateway_to_the_same_image()
    {
        using var folder = new TemporaryFolder();
        await RunWellAsync(folder, [.. Variation, "-q", "--models", ServedVariations.Folder, "--stop-after", "decoder", "-o", "here.safetensors"]);
        await RunWellAsync(folder, [.. Variation, "-q", "--set", "stop_after=\"decoder\"", "-o", "there.safetensors", .. Server]);
        // The image is uploaded again, under another name.
        await RunWellAsync(folder, ["generate", "--from", "here.safetensors", "-q", "-o", "here.png", .. Server]);
        await RunWellAsync(folder, ["generate", "--from", "there.safetensors", "-q", "-o", "there.png", .. Server]);

        Assert.Equal(Pixels(folder, "here.png"), Pixels(folder, "there.png"));
    }

    private static byte[] Pixels(TemporaryFolder folder, string file) => ImageReader.Read(File.ReadAllBytes(folder.Combine(file))).ToRgb().Rgb;

    private static Task<ProgramResult> RunAsync(TemporaryFolder folder, string[] arguments) =>
        BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });

    private static async Task<ProgramResult> RunWellAsync(TemporaryFolder folder, string[] arguments)
    {
        ProgramResult result = await RunAsync(folder, arguments);
        Assert.True(result.ExitCode == 0, result.Error);
        return result;
    }
}
