using System.Diagnostics;

namespace Brownian.Program.Tests;

/// <summary>The script with which a clone runs the program.</summary>
public sealed class ScriptTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_clone_runs_the_program_from_any_folder_also_by_a_link()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the script is for shells; Windows has brownian.cmd");
        using var folder = new TemporaryFolder();
        string script = Repository.Combine("brownian"), link = folder.Combine("link");
        File.CreateSymbolicLink(link, script);
        ProgramResult program = await BrownianProgram.RunAsync("--version");
        foreach (string path in (string[])[script, link])
        {
            using var process = Process.Start(new ProcessStartInfo(path, ["--version"])
            {
                WorkingDirectory = folder.FullPath,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(Stop), error = process.StandardError.ReadToEndAsync(Stop);
            await process.WaitForExitAsync(Stop).WaitAsync(TimeSpan.FromMinutes(10), Stop);
            Assert.True(process.ExitCode == 0, await error);
            Assert.Equal(program.OutputText, await output);
        }
    }
}
