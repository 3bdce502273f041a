namespace Brownian.Client;

/// <summary>How a client connects to gateways.</summary>
public sealed record BrownianClientOptions
{
    /// <summary>How long a stream that lost its gateway tries other gateways; null for 30 s.</summary>
    public TimeSpan? RetryTimeout { get; init; }

    /// <summary>The bearer token that <see cref="BrownianClient.Workers"/> sends for operations on workers; null for none.</summary>
    public string? OperatorToken { get; init; }
}
