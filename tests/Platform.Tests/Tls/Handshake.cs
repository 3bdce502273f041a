using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Brownian.Platform.Tests.Tls;

/// <summary>A connection to a port of HTTP/2 with TLS, without a library that hides what happens.</summary>
internal static class Handshake
{
    /// <summary>The type of HTTP/2's frame of settings.</summary>
    private const byte Settings = 4;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>
    /// Connects with a client certificate and sends HTTP/2's preface. A client of TLS 1.3 learns that its certificate is refused when it reads.
    /// </summary>
    /// <param name="address">The port's address.</param>
    /// <param name="certificate">The client's certificate; null for none.</param>
    /// <param name="protocol">The version of TLS.</param>
    /// <returns>The thumbprint of the server's certificate; null when the server refused the connection.</returns>
    public static async Task<string?> TryAsync(
        string address, X509Certificate2? certificate = null, SslProtocols protocol = SslProtocols.Tls12 | SslProtocols.Tls13)
    {
        var uri = new Uri(address);
        using var client = new TcpClient();
        await client.ConnectAsync(uri.Host, uri.Port, Stop);
        await using var stream = new SslStream(client.GetStream());
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = uri.Host,
            EnabledSslProtocols = protocol,
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, null, offline: true),
            RemoteCertificateValidationCallback = (_, server, _, _) => server is not null,
        };
        try
        {
            await stream.AuthenticateAsClientAsync(options, Stop);
            byte[] preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, Settings, 0, 0, 0, 0, 0];
            await stream.WriteAsync(preface, Stop);
            // The server's settings begin with a header of nine bytes.
            var frame = new byte[9];
            await stream.ReadExactlyAsync(frame, Stop);
            return frame[3] == Settings ? new X509Certificate2(stream.RemoteCertificate!).Thumbprint : null;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException)
        {
            return null;
        }
    }
}
