namespace Brownian.Hosting;

/// <summary>The ports of a process, each for other callers.</summary>
[Flags]
public enum ListeningPort
{
    /// <summary>No port.</summary>
    None = 0,

    /// <summary><see cref="PlatformOptions.HttpPort"/> and <see cref="PlatformOptions.GrpcPort"/>: for clients, or for other services.</summary>
    Public = 1,

    /// <summary><see cref="PlatformOptions.OperatorHttpPort"/> and <see cref="PlatformOptions.OperatorGrpcPort"/>.</summary>
    Operators = 2,

    /// <summary>Every port.</summary>
    Any = Public | Operators,
}
