using System.Net;
using System.Net.Sockets;

namespace Brownian.Gateway.Callbacks;

/// <summary>
/// Connects to the servers of callbacks. The address that a name resolves to is checked when the connection is made, and that very address is
/// connected to, so that a name which resolves to another address the next time reaches nothing private.
/// </summary>
internal static class CallbackConnection
{
    /// <summary>The time limit for a connection.</summary>
    private static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(5);

    /// <summary>Creates a handler that follows no redirects, uses no proxy and keeps no cookies.</summary>
    /// <param name="takesPrivate">Whether addresses of private networks may be called.</param>
    /// <param name="maxPerServer">The number of connections to one server.</param>
    public static SocketsHttpHandler CreateHandler(bool takesPrivate, int maxPerServer) => new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        ConnectTimeout = ConnectTime,
        MaxConnectionsPerServer = maxPerServer,
        MaxResponseHeadersLength = 16,
        // Names are resolved again now and then.
        PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        ConnectCallback = (context, cancellationToken) => ConnectAsync(context.DnsEndPoint, takesPrivate, cancellationToken),
    };

    private static async ValueTask<Stream> ConnectAsync(DnsEndPoint server, bool takesPrivate, CancellationToken cancellationToken)
    {
        IPAddress[] found = await Dns.GetHostAddressesAsync(server.Host, cancellationToken);
        IPAddress[] allowed = [.. found.Where(address => takesPrivate || PublicAddresses.Contain(address))];
        if (allowed.Length == 0)
        {
            string places = string.Join(", ", found.Select(address => address.ToString()));
            throw new CallbackRefusedException($"{server.Host} is at {places}, which is private");
        }
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, server.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
