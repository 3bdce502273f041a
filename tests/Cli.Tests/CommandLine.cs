using System.Globalization;

namespace Brownian.Cli.Tests;

/// <summary>
/// Runs the command line in the process of the tests, for what it answers before a model runs. Program.Tests runs the built program, for what depends
/// on the process: its standard input, its signals and its images.
/// </summary>
internal static class CommandLine
{
    /// <summary>One at a time: a command writes to the process's console and resolves paths against its working folder.</summary>
    private static readonly SemaphoreSlim Turn = new(1);

    /// <summary>Runs a command in a folder.</summary>
    public static async Task<ProgramResult> RunAsync(TemporaryFolder folder, params string[] arguments)
    {
        await Turn.WaitAsync(TestContext.Current.CancellationToken);
        (TextWriter output, TextWriter error, string working) = (Console.Out, Console.Error, Environment.CurrentDirectory);
        using var capturedOutput = new StringWriter(CultureInfo.InvariantCulture);
        using var capturedError = new StringWriter(CultureInfo.InvariantCulture);
        Environment.SetEnvironmentVariable("BROWNIAN_MODELS", null);
        Environment.SetEnvironmentVariable("BROWNIAN_SERVER", null);
        Environment.SetEnvironmentVariable("BROWNIAN_CA", null);
        Environment.SetEnvironmentVariable("BROWNIAN_CONFIG", folder.Combine("config", "config.json"));
        try
        {
            Console.SetOut(capturedOutput);
            Console.SetError(capturedError);
            Environment.CurrentDirectory = folder.FullPath;
            int exitCode = await CommandLineProgram.RunAsync(arguments);
            return new ProgramResult(exitCode, System.Text.Encoding.UTF8.GetBytes(capturedOutput.ToString()), capturedError.ToString());
        }
        finally
        {
            Environment.CurrentDirectory = working;
            Console.SetOut(output);
            Console.SetError(error);
            Turn.Release();
        }
    }
}
