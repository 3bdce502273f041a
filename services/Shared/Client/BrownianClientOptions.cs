using System.Security.Cryptography.X509Certificates;

namespace Brownian.Client;

/// <summary>How a client connects to gateways.</summary>
public sealed record BrownianClientOptions
{
    /// <summary>How long a stream that lost its gateway tries other gateways; null for 30 s.</summary>
    public TimeSpan? RetryTimeout { get; init; }

    /// <summary>
    /// Returns the credentials of a call: an API key, or a token of the issuer that the gateway accepts; null for none. It is asked before each call,
    /// so that a token can be renewed.
    /// </summary>
    public Func<CancellationToken, ValueTask<string?>>? Credentials { get; init; }

    /// <summary>
    /// The gRPC address of a gateway's operators' port, for <see cref="BrownianClient.Workers"/> and <see cref="BrownianClient.Access"/>; null for
    /// none.
    /// </summary>
    public string? OperatorAddress { get; init; }

    /// <summary>The bearer token that is sent to the operators' port; null for <see cref="Credentials"/>.</summary>
    public string? OperatorToken { get; init; }

    /// <summary>Returns credentials that do not change.</summary>
    /// <param name="key">An API key or a token; null for none.</param>
    public static Func<CancellationToken, ValueTask<string?>> Fixed(string? key) => _ => ValueTask.FromResult(key);

    /// <summary>
    /// The CAs, root CAs among them, that issue the certificates of gateways with <c>https://</c>; null for those of the system. Revocation is not
    /// checked.
    /// </summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>The certificate with its private key that the client presents to a gateway that asks for one; null for none.</summary>
    public X509Certificate2? ClientCertificate { get; init; }
}
