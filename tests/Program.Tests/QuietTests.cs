namespace Brownian.Program.Tests;

/// <summary>The libraries below print nothing of their own.</summary>
public sealed class QuietTests
{
    [Fact]
    public async Task A_run_leaves_no_id_of_the_machine_and_nothing_to_send()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.Combine("home"));
        Directory.CreateDirectory(folder.Combine("tmp"));

        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["generate", "red apple, flat", "--steps", "2", "-o", folder.Combine("apple.png")],
            // Libraries are quiet of themselves where they believe to be tested.
            Environment = new Dictionary<string,
            string>
            { ["HOME"] = folder.Combine("home"), ["XDG_CACHE_HOME"] = "", ["TMPDIR"] = folder.Combine("tmp"), ["CI"] = "" },
        });

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Combine("home")));
        Assert.DoesNotContain(Directory.GetFiles(folder.Combine("tmp")), file => Path.GetFileName(file) == ".ses");
    }
}
