namespace Brownian.Cli.Remote;

/// <summary>A gateway is away, refused a call, or tells that a job failed. The message is for the user.</summary>
internal sealed class ServerException(string message, Exception? inner = null) : Exception(message, inner);
