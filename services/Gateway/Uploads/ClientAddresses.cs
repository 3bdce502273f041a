using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Brownian.Hosting;

namespace Brownian.Gateway.Uploads;

/// <summary>
/// Where calls come from. It is the connection's other end; what <c>X-Forwarded-For</c> says counts only as far as trusted proxies say it, for
/// a client can write anything there.
/// </summary>
/// <param name="options">Which proxies are trusted.</param>
public sealed class ClientAddresses(PlatformOptions options)
{
    private const string Header = "X-Forwarded-For";

    private readonly IReadOnlyList<IPNetwork> _trusted = options.TrustedNetworks();

    /// <summary>An IPv4 address, or the /64 of an IPv6 address: one host has as many addresses of it as it likes.</summary>
    public string Of(HttpContext context)
    {
        if (context.Connection.RemoteIpAddress is not { } remote)
        {
            return "local";
        }
        IPAddress address = Plain(remote);
        string[] named = [.. context.Request.Headers[Header].SelectMany(line => (line ?? "").Split(','))];
        // Each proxy appends the address that it was called from.
        for (int i = named.Length - 1; i >= 0 && IsTrusted(address) && IPEndPoint.TryParse(named[i].Trim(), out IPEndPoint? before); i--)
        {
            address = Plain(before.Address);
        }
        return address.AddressFamily == AddressFamily.InterNetworkV6 ? Prefix(address) : address.ToString();
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static string Prefix(IPAddress address)
    {
        byte[] bytes = address.GetAddressBytes();
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), 0);
        return new IPAddress(bytes) + "/64";
    }

    private bool IsTrusted(IPAddress address) => _trusted.Any(network => network.Contains(address));
}
