using System.Diagnostics;
using System.Reflection;

namespace Brownian.Tests.Programs;

/// <summary>The built command line, or another program, run in the way of a user.</summary>
internal static class BrownianProgram
{
    /// <summary>artifacts/bin/Cli/release/brownian, beside the tests' own output.</summary>
    public static string File { get; } = Find();

    /// <summary>Runs it to its end.</summary>
    public static Task<ProgramResult> RunAsync(params string[] arguments) => RunAsync(new ProgramRun { Arguments = arguments });

    /// <summary>Runs it to its end.</summary>
    public static async Task<ProgramResult> RunAsync(ProgramRun run)
    {
        using Process process = Start(run);
        using var deadline = new CancellationTokenSource(run.Deadline);
        Task<byte[]> output = ReadAsync(process.StandardOutput.BaseStream, deadline.Token);
        Task<byte[]> error = ReadAsync(process.StandardError.BaseStream, deadline.Token);
        await process.StandardInput.BaseStream.WriteAsync(run.StandardInput, deadline.Token);
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{run.File ?? File} {string.Join(' ', run.Arguments)} did not end in {run.Deadline}");
        }
        return new ProgramResult(process.ExitCode, await output, System.Text.Encoding.UTF8.GetString(await error));
    }

    /// <summary>Starts it with all its streams redirected.</summary>
    public static Process Start(ProgramRun run)
    {
        var start = new ProcessStartInfo(run.File ?? File)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = run.WorkingDirectory ?? Environment.CurrentDirectory,
        };
        foreach (string argument in run.Arguments)
        {
            start.ArgumentList.Add(argument);
        }
        foreach (string variable in (string[])
            ["MODELS", "SERVER", "CA", "API_KEY", "CREDENTIALS", "OPERATORS", "OPERATOR_TOKEN", "SECRETS", "HUB", "HUB_TOKEN", "OFFLINE"])
        {
            // The caller's own must not reach the program.
            start.Environment.Remove("BROWNIAN_" + variable);
        }
        start.Environment.Remove("HF_TOKEN");
        start.Environment["BROWNIAN_CONFIG"] = "/nowhere/config.json";
        foreach ((string name, string value) in run.Environment)
        {
            start.Environment[name] = value;
        }
        return Process.Start(start)!;
    }

    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes, cancellationToken);
        return bytes.ToArray();
    }

    private static string Find()
    {
        // artifacts/bin/<project>/<configuration>/
        var own = new DirectoryInfo(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!);
        return Path.Combine(own.Parent!.Parent!.FullName, "Cli", own.Name, OperatingSystem.IsWindows() ? "brownian.exe" : "brownian");
    }
}
