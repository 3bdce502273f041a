using System.Net;
using Brownian.Hosting.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Brownian.Hosting;

/// <summary>
/// Keeps the endpoints of one port away from the callers of another one. Each connection is marked with the port that accepted it, because a
/// request's own host header can contain any port.
/// </summary>
public static class ListeningPorts
{
    /// <summary>Makes endpoints reachable at the given ports only; endpoints that state none are at the public port.</summary>
    public static TBuilder OnPort<TBuilder>(this TBuilder endpoints, ListeningPort port)
        where TBuilder : IEndpointConventionBuilder =>
        endpoints.WithMetadata(new Mark(port));

    /// <summary>Returns the port that accepted a call's connection.</summary>
    public static ListeningPort PortOf(HttpContext context) => context.Features.Get<Mark>()?.Port ?? ListeningPort.Public;

    /// <summary>Returns the ports of an endpoint.</summary>
    public static ListeningPort PortOf(Endpoint endpoint) => endpoint.Metadata.GetMetadata<Mark>()?.Port ?? ListeningPort.Public;

    /// <summary>Listens on the ports of the settings. The order is that of <see cref="ListeningAddresses"/>.</summary>
    internal static void Listen(KestrelServerOptions kestrel, PlatformOptions options, ServiceRole role, ProcessCertificates certificates)
    {
        var limits = new ConnectionLimits(options);
        limits.Apply(kestrel.Limits);
        var address = IPAddress.Parse(options.Listen);
        // Only gateways call workers. A gateway's own ports are for clients.
        ClientCertificateUse callers = role == ServiceRole.Gateway ? ClientCertificateUse.None : ClientCertificateUse.Required;
        Listen(address, options.HttpPort ?? role.HttpPort, HttpProtocols.Http1, ListeningPort.Public, ClientCertificateUse.None);
        Listen(address, options.GrpcPort ?? role.GrpcPort, HttpProtocols.Http2, ListeningPort.Public, callers);
        var operators = IPAddress.Parse(options.OperatorListen);
        // A certificate can replace a token.
        const ClientCertificateUse Optional = ClientCertificateUse.Optional;
        Listen(operators, options.OperatorHttpPort ?? role.OperatorHttpPort, HttpProtocols.Http1, ListeningPort.Operators, Optional);
        if (role.OperatorGrpcPort is { } usual)
        {
            Listen(operators, options.OperatorGrpcPort ?? usual, HttpProtocols.Http2, ListeningPort.Operators, Optional);
        }

        void Listen(IPAddress to, int port, HttpProtocols protocol, ListeningPort kind, ClientCertificateUse clients) =>
            kestrel.Listen(to, port, listen =>
            {
                listen.Use(limits.Bound);
                listen.Use(next => connection =>
                {
                    connection.Features.Set(new Mark(kind));
                    return next(connection);
                });
                listen.Serve(protocol, certificates, clients);
            });
    }

    /// <summary>Returns which port is another program's, and by which setting the process takes another one.</summary>
    /// <param name="exception">What ended the start.</param>
    /// <param name="options">The settings.</param>
    /// <param name="role">The role of the process.</param>
    internal static string DescribeTaken(IOException exception, PlatformOptions options, ServiceRole role)
    {
        (int? Port, string Setting, string Option)[] ports =
        [
            (options.HttpPort ?? role.HttpPort, nameof(PlatformOptions.HttpPort), "--http-port"),
            (options.GrpcPort ?? role.GrpcPort, nameof(PlatformOptions.GrpcPort), "--grpc-port"),
            (options.OperatorHttpPort ?? role.OperatorHttpPort, nameof(PlatformOptions.OperatorHttpPort), "--operator-http-port"),
            (options.OperatorGrpcPort ?? role.OperatorGrpcPort, nameof(PlatformOptions.OperatorGrpcPort), "--operator-grpc-port"),
        ];
        foreach ((int? port, string setting, string option) in ports)
        {
            string text = port?.ToString(CultureInfo.InvariantCulture) ?? "";
            if (text.Length > 0 && exception.Message.Contains($":{text}:", StringComparison.Ordinal))
            {
                return $"another program has the port {text}: stop it, or choose another port with {option} ({PlatformOptions.Field(setting)})";
            }
        }
        return exception.Message;
    }

    /// <summary>Answers a call of another port's endpoint as if the endpoint did not exist.</summary>
    internal static void Use(WebApplication app) => app.Use((context, next) =>
    {
        if (context.GetEndpoint() is { } endpoint && (PortOf(endpoint) & PortOf(context)) == 0)
        {
            context.SetEndpoint(null);
        }
        return next(context);
    });

    private sealed record Mark(ListeningPort Port);
}
