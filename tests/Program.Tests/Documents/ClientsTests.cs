using System.Diagnostics;

namespace Brownian.Program.Tests.Documents;

/// <summary>docs/clients.md: the programs of the page, in their languages.</summary>
public sealed class ClientsTests(ServedProgram served) : IClassFixture<ServedProgram>
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("python", "generate.py", "python3 generate.py")]
    [InlineData("js", "generate.mjs", "node generate.mjs")]
    [InlineData("csharp", "generate.cs", "dotnet run generate.cs --")]
    public async Task A_program_saves_the_image_and_shows_the_faults_of_a_request(string language, string file, string command)
    {
        var page = new Page("docs/clients.md");
        Assert.Contains($"`{command} \"red apple, flat\" apple.png`", page.Text, StringComparison.Ordinal);
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.Combine(file), page.Block(language), TestContext.Current.CancellationToken);

        (int exitCode, string output) = await RunAsync(folder, [.. command.Split(' '), "red apple, flat", "apple.png"]);
        Assert.True(exitCode == 0, output);
        Assert.Contains("denoise: step 20 of 20", output, StringComparison.Ordinal);
        ProgramResult expected = await BrownianProgram.RunAsync("generate", "red apple, flat", "--seed", "7", "-o", "-");
        Assert.Equal(expected.Output, await File.ReadAllBytesAsync(folder.Combine("apple.png"), TestContext.Current.CancellationToken));

        (exitCode, output) = await RunAsync(folder, [.. command.Split(' '), new string('a', 33_000), "long.png"]);
        Assert.NotEqual(0, exitCode);
        Assert.Contains("prompt: ", output, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.Combine("long.png")));
    }

    private async Task<(int ExitCode, string Output)> RunAsync(TemporaryFolder folder, string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder.FullPath,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["BROWNIAN_HTTP"] = served.Json;
        using Process process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(Deadline);
        Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token), error = process.StandardError.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token);
        return (process.ExitCode, await output + await error);
    }
}
