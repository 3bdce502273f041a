using System.Net;

namespace Brownian.Gateway.Callbacks;

/// <summary>Distinguishes addresses of the public internet from those of private networks, of the machine itself, and of special use.</summary>
internal static class PublicAddresses
{
    /// <summary>The networks of the IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast, and class E.</summary>
    private static readonly IPNetwork[] SpecialIPv4 = Read(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4");

    /// <summary>The global unicast addresses (RFC 4291).</summary>
    private static readonly IPNetwork GlobalIPv6 = IPNetwork.Parse("2000::/3");

    /// <summary>
    /// The networks of special use among them: protocol assignments with Teredo, documentation, and 6to4, which contains IPv4 addresses.
    /// </summary>
    private static readonly IPNetwork[] SpecialIPv6 = Read("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");

    /// <summary>Whether an address is one of the public internet.</summary>
    public static bool Contain(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }
        return address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork
            ? !SpecialIPv4.Any(network => network.Contains(address))
            : GlobalIPv6.Contains(address) && !SpecialIPv6.Any(network => network.Contains(address));
    }

    private static IPNetwork[] Read(params string[] networks) => [.. networks.Select(network => IPNetwork.Parse(network))];
}
