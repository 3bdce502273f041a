namespace Brownian.Program.Tests;

/// <summary>What the program refuses: one line on standard error, an exit code, and nothing else. Cli.Tests has the other messages.</summary>
public sealed class RefusedInputTests
{
    private const int Usage = 2;

    [Fact]
    public async Task An_invalid_option_is_one_line_on_standard_error_with_exit_code_2()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await BrownianProgram.RunAsync(
            new ProgramRun { Arguments = ["generate", "x", "--steps", "0"], WorkingDirectory = folder.FullPath });
        AssertRefused(folder, result, Usage, "steps: 0 is not allowed; allowed: 1..1000");
    }

    [Fact]
    public async Task A_prompt_on_standard_input_must_be_utf8()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await BrownianProgram.RunAsync(
            new ProgramRun { Arguments = ["generate", "-"], StandardInput = [0x61, 0xFF, 0x62], WorkingDirectory = folder.FullPath });
        AssertRefused(folder, result, Usage, "PROMPT: on standard input is not valid UTF-8: the byte 0xFF in line 1, position 2");
    }

    [Fact]
    public async Task A_prompt_in_UTF_16_on_standard_input_is_refused_with_its_encoding()
    {
        using var folder = new TemporaryFolder();
        byte[] text = [0xFF, 0xFE, .. System.Text.Encoding.Unicode.GetBytes("red apple")];
        ProgramResult result = await BrownianProgram.RunAsync(
            new ProgramRun { Arguments = ["generate", "-"], StandardInput = text, WorkingDirectory = folder.FullPath });
        AssertRefused(folder, result, Usage, "PROMPT: on standard input is UTF-16 text; allowed: UTF-8");
    }

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
