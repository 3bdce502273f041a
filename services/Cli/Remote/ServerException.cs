namespace Brownian.Cli.Remote;

/// <summary>Thrown when a gateway is unreachable, refuses a call, or reports a failed job. The message is for the user.</summary>
internal sealed class ServerException(string message, Exception? inner = null) : Exception(message, inner);
