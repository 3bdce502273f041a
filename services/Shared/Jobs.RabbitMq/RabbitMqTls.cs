using System.Net.Security;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>Converts .NET's options of TLS to those of the client library.</summary>
internal static class RabbitMqTls
{
    /// <summary>Whether connections to a broker use TLS.</summary>
    public static bool IsUsed(Uri uri) => uri.Scheme == "amqps";

    /// <summary>
    /// Returns the client library's options. Those that it makes of an address with amqps accept a certificate for any name.
    /// </summary>
    /// <param name="options">.NET's options of one connection.</param>
    public static SslOption ToOption(SslClientAuthenticationOptions options) => new(options.TargetHost!, enabled: true)
    {
        AcceptablePolicyErrors = SslPolicyErrors.None,
        CertificateValidationCallback = options.RemoteCertificateValidationCallback,
        ClientCertificateContext = options.ClientCertificateContext,
        Version = options.EnabledSslProtocols,
    };
}
