using System.Security.Cryptography.X509Certificates;

namespace Brownian.Client;

/// <summary>How a client connects to gateways.</summary>
public sealed record BrownianClientOptions
{
    /// <summary>How long a stream that lost its gateway tries other gateways; null for 30 s.</summary>
    public TimeSpan? RetryTimeout { get; init; }

    /// <summary>The bearer token that <see cref="BrownianClient.Workers"/> sends for operations on workers; null for none.</summary>
    public string? OperatorToken { get; init; }

    /// <summary>
    /// The CAs, root CAs among them, that issue the certificates of gateways with <c>https://</c>; null for those of the system. Revocation is not
    /// checked.
    /// </summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>The certificate with its private key that the client presents to a gateway that asks for one; null for none.</summary>
    public X509Certificate2? ClientCertificate { get; init; }
}
