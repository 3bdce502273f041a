using System.Net;
using Brownian.Hosting;
using Microsoft.AspNetCore.Http;

namespace Brownian.Gateway.Tests.Uploads;

public sealed class ClientAddressesTests
{
    [Theory]
    [InlineData("192.0.2.1", "", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "", "192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::/64")]
    [InlineData("fe80::1%3", "", "fe80::/64")]
    public void The_address_of_a_connection_is_its_IPv4_address_or_IPv6_network(string remote, string forwarded, string expected) =>
        Assert.Equal(expected, AddressOf(remote, forwarded));

    [Theory]
    [InlineData("192.0.2.1", "203.0.113.9", "192.0.2.1")]
    [InlineData("10.1.2.3", "203.0.113.9", "203.0.113.9")]
    [InlineData("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9")]
    [InlineData("fd00::7", "2001:db8::1", "2001:db8::/64")]
    [InlineData("10.1.2.3", "203.0.113.9:4711", "203.0.113.9")]
    [InlineData("10.1.2.3", "[2001:db8::1]:4711", "2001:db8::/64")]
    // A client's own header comes before the addresses that proxies append.
    [InlineData("10.1.2.3", "198.51.100.1, 203.0.113.9", "203.0.113.9")]
    [InlineData("10.1.2.3", "198.51.100.1, 203.0.113.9 , 10.9.9.9", "203.0.113.9")]
    [InlineData("10.1.2.3", "198.51.100.1, 192.0.2.77", "198.51.100.1")]
    [InlineData("10.1.2.3", "10.1.1.1", "10.1.1.1")]
    [InlineData("10.1.2.3", "nonsense", "10.1.2.3")]
    [InlineData("10.1.2.3", "203.0.113.9, ", "10.1.2.3")]
    [InlineData("10.1.2.3", "", "10.1.2.3")]
    public void X_Forwarded_For_is_used_only_from_trusted_proxies(string remote, string forwarded, string expected) =>
        Assert.Equal(expected, AddressOf(remote, forwarded, "10.0.0.0/8", "192.0.2.77", "fd00::/8"));

    [Fact]
    public void Several_X_Forwarded_For_lines_are_read_in_their_order()
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse("10.0.0.1");
        context.Request.Headers["X-Forwarded-For"] = new[] { "198.51.100.1", "203.0.113.9, 10.0.0.2" };
        Assert.Equal("203.0.113.9", new ClientAddresses(new PlatformOptions { TrustedProxies = ["10.0.0.0/8"] }).Of(context));
    }

    [Fact]
    public void A_connection_without_an_address_is_local() =>
        Assert.Equal("local", new ClientAddresses(new PlatformOptions()).Of(new DefaultHttpContext()));

    [Theory]
    [InlineData("10.1.2.3", "https", "images.example.org", "https://images.example.org")]
    [InlineData("10.1.2.3", "https", "", "https://gateway:5080")]
    [InlineData("10.1.2.3", "gopher", "images.example.org, other.example.org", "http://images.example.org")]
    [InlineData("192.0.2.1", "https", "evil.example.org", "http://gateway:5080")]
    public void Links_begin_with_what_a_trusted_proxy_was_called_as(string remote, string scheme, string host, string expected)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(remote);
        (context.Request.Scheme, context.Request.Host) = ("http", new HostString("gateway", 5080));
        context.Request.Headers["X-Forwarded-Proto"] = scheme;
        context.Request.Headers["X-Forwarded-Host"] = host;
        Assert.Equal(expected, new ClientAddresses(new PlatformOptions { TrustedProxies = ["10.0.0.0/8"] }).BaseOf(context));
    }

    private static string AddressOf(string remote, string forwarded, params string[] trusted)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(remote);
        if (forwarded.Length > 0)
        {
            context.Request.Headers["X-Forwarded-For"] = forwarded;
        }
        return new ClientAddresses(new PlatformOptions { TrustedProxies = trusted }).Of(context);
    }
}
