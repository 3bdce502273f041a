using System.Net.Security;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Brownian.Hosting.Certificates;

/// <summary>Makes a port of the web server speak TLS.</summary>
public static class TlsPort
{
    /// <summary>
    /// Sets the protocol of a port, with TLS if the process has a certificate. A validated certificate of a client is in the request's
    /// <see cref="Microsoft.AspNetCore.Http.Features.ITlsConnectionFeature"/>.
    /// </summary>
    /// <param name="listen">The port.</param>
    /// <param name="protocol">HTTP/1.1 or HTTP/2: a port without TLS serves one of them, because there is no protocol negotiation.</param>
    /// <param name="certificates">The process's certificates.</param>
    /// <param name="clients">What the port does about certificates of clients; it asks for none when the process has no CAs of its own.</param>
    public static void Serve(
        this ListenOptions listen, HttpProtocols protocol, ProcessCertificates certificates,
        ClientCertificateUse clients = ClientCertificateUse.None)
    {
        listen.Protocols = protocol;
        if (!certificates.ServesTls)
        {
            return;
        }
        SslApplicationProtocol negotiated = protocol == HttpProtocols.Http2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11;
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(
                certificates.ServerOptions(certificates.CanRequire ? clients : ClientCertificateUse.None, negotiated)),
        });
    }
}
