using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Brownian.Hosting;

/// <summary>
/// Bounds what a connection may hold: sizes of headers, times and rates of slow senders and readers, and the number of connections, in total and of
/// one address. Trusted proxies count in total only, because they connect for others.
/// </summary>
/// <param name="options">The settings.</param>
internal sealed class ConnectionLimits(PlatformOptions options)
{
    private readonly ConcurrentDictionary<IPAddress, int> _open = new();
    private readonly IReadOnlyList<IPNetwork> _trusted = options.TrustedNetworks();

    /// <summary>Sets the limits of all connections.</summary>
    public void Apply(KestrelServerLimits limits)
    {
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.MaxRequestHeadersTotalSize = 32 << 10;
        limits.MaxRequestHeaderCount = 100;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
        limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
        var rate = new MinDataRate(options.MinBytesPerSecond, TimeSpan.FromSeconds(5));
        limits.MinRequestBodyDataRate = rate;
        limits.MinResponseDataRate = rate;
        limits.Http2.MaxStreamsPerConnection = 1000;
    }

    /// <summary>Closes a connection beyond the limit of its address; passes the others on.</summary>
    public ConnectionDelegate Bound(ConnectionDelegate next) => async connection =>
    {
        if (connection.RemoteEndPoint is not IPEndPoint { Address: var address } || _trusted.Any(network => network.Contains(address)))
        {
            await next(connection).ConfigureAwait(false);
            return;
        }
        try
        {
            if (_open.AddOrUpdate(address, 1, static (_, count) => count + 1) <= options.MaxConnectionsPerAddress)
            {
                await next(connection).ConfigureAwait(false);
            }
            else
            {
                connection.Abort();
            }
        }
        finally
        {
            if (_open.AddOrUpdate(address, 0, static (_, count) => count - 1) == 0)
            {
                _open.TryRemove(KeyValuePair.Create(address, 0));
            }
        }
    };
}
