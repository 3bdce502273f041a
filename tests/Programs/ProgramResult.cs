namespace Brownian.Tests.Programs;

/// <summary>The result of a program.</summary>
/// <param name="ExitCode">The exit code.</param>
/// <param name="Output">The bytes of standard output.</param>
/// <param name="Error">The text of standard error.</param>
internal sealed record ProgramResult(int ExitCode, byte[] Output, string Error)
{
    /// <summary>Standard output as text.</summary>
    public string OutputText => System.Text.Encoding.UTF8.GetString(Output);

    /// <summary>Standard output and then standard error.</summary>
    public string AllText => OutputText + Error;
}
