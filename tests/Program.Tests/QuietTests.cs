namespace Brownian.Program.Tests;

/// <summary>The libraries that the program uses leave no files of their own.</summary>
public sealed class QuietTests
{
    [Fact]
    public async Task A_run_leaves_no_machine_id_or_telemetry_files()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.Combine("home"));
        Directory.CreateDirectory(folder.Combine("tmp"));

        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["generate", "red apple, flat", "--steps", "2", "-o", folder.Combine("apple.png")],
            // Libraries that detect a test environment leave none.
            Environment = new Dictionary<string, string>
            { ["HOME"] = folder.Combine("home"), ["XDG_CACHE_HOME"] = "", ["TMPDIR"] = folder.Combine("tmp"), ["CI"] = "" },
        });

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Combine("home")));
        Assert.DoesNotContain(Directory.GetFiles(folder.Combine("tmp")), file => Path.GetFileName(file) == ".ses");
    }
}
