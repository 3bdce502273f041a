namespace Brownian.Cli;

/// <summary>What the program returns to the shell.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>Something failed that the command line asked for rightly.</summary>
    public const int Failure = 1;

    /// <summary>The command line or the request asks for what is not allowed.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by Ctrl-C: 128 and SIGINT.</summary>
    public const int Interrupted = 130;
}
