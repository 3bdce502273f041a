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

        ProgramResult saved = await RunAsync(folder, [.. command.Split(' '), "red apple, flat", "apple.png"]);
        Assert.True(saved.ExitCode == 0, saved.AllText);
        Assert.Contains("denoise: step 20 of 20", saved.AllText, StringComparison.Ordinal);
        ProgramResult expected = await BrownianProgram.RunAsync("generate", "red apple, flat", "--seed", "7", "-o", "-");
        Assert.Equal(expected.Output, await File.ReadAllBytesAsync(folder.Combine("apple.png"), TestContext.Current.CancellationToken));

        ProgramResult refused = await RunAsync(folder, [.. command.Split(' '), new string('a', 33_000), "long.png"]);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("prompt: ", refused.AllText, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.Combine("long.png")));
    }

    private Task<ProgramResult> RunAsync(TemporaryFolder folder, string[] command) => BrownianProgram.RunAsync(new ProgramRun
    {
        File = command[0],
        Arguments = command[1..],
        WorkingDirectory = folder.FullPath,
        Environment = new Dictionary<string, string> { ["BROWNIAN_HTTP"] = served.Json },
        Deadline = Deadline,
    });
}
