namespace Brownian.Cli.Commands;

/// <summary>The exit codes of the program.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>A valid command failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line or the request is invalid.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by Ctrl-C: 128 plus SIGINT.</summary>
    public const int Interrupted = 130;
}
