using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace Brownian.Hosting;

/// <summary>
/// Determines the addresses of callers. The address is the connection's remote end; <c>X-Forwarded-For</c> is used only as far as trusted proxies
/// wrote it, because a client can set any value.
/// </summary>
/// <param name="options">The settings with the trusted proxies.</param>
public sealed class ClientAddresses(PlatformOptions options)
{
    private const string Header = "X-Forwarded-For";

    private readonly IReadOnlyList<IPNetwork> _trusted = options.TrustedNetworks();

    /// <summary>Returns an IPv4 address, or the /64 of an IPv6 address, because one host can use any address of its /64.</summary>
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

    /// <summary>
    /// Returns the beginning of addresses by which the caller reaches this process, such as <c>https://images.example.org</c>: what a trusted proxy
    /// was called as (<c>X-Forwarded-Proto</c>, <c>X-Forwarded-Host</c>), or what this process was.
    /// </summary>
    public string BaseOf(HttpContext context)
    {
        bool isProxied = context.Connection.RemoteIpAddress is { } remote && IsTrusted(Plain(remote));
        string scheme = isProxied && context.Request.Headers["X-Forwarded-Proto"].ToString() is ("http" or "https") and var forwarded
            ? forwarded : context.Request.Scheme;
        string host = isProxied && context.Request.Headers["X-Forwarded-Host"].ToString() is { Length: > 0 } named
            ? named.Split(',')[0].Trim() : context.Request.Host.Value ?? "";
        return $"{scheme}://{host}";
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
