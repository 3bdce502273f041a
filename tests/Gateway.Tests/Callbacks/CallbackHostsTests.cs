using Brownian.Gateway.Callbacks;
using Brownian.Hosting;

namespace Brownian.Gateway.Tests.Callbacks;

/// <summary>Which addresses the setting allows.</summary>
public sealed class CallbackHostsTests
{
    [Theory]
    [InlineData("hooks.example.org", "https://hooks.example.org/a", true)]
    [InlineData("hooks.example.org", "https://HOOKS.example.ORG:8443/a?b=c", true)]
    [InlineData("hooks.example.org", "https://hooks.example.org./a", true)]
    [InlineData("hooks.example.org", "http://hooks.example.org/a", false)]
    [InlineData("hooks.example.org", "https://a.hooks.example.org/", false)]
    [InlineData("hooks.example.org", "https://hooks.example.org.evil.net/", false)]
    [InlineData("hooks.example.org", "https://evil.net/hooks.example.org", false)]
    [InlineData("hooks.example.org", "https://hooks.example.org@evil.net/", false)]
    [InlineData("hooks.example.org", "https://evil.net\\@hooks.example.org/", false)]
    [InlineData("*.example.org", "https://a.example.org/", true)]
    [InlineData("*.example.org", "https://a.b.example.org/", true)]
    [InlineData("*.example.org", "https://example.org/", false)]
    [InlineData("*.example.org", "https://badexample.org/", false)]
    [InlineData("*", "https://anything.net/", true)]
    [InlineData("127.0.0.1", "https://127.0.0.1/", true)]
    [InlineData("127.0.0.1", "https://2130706433/", true)]
    [InlineData("bücher.example", "https://xn--bcher-kva.example/", false)]
    [InlineData("xn--bcher-kva.example", "https://bücher.example/", true)]
    public void An_address_is_allowed_by_its_host(string host, string address, bool isAllowed)
    {
        var hosts = new CallbackHosts(new PlatformOptions { CallbackHosts = [host] });

        Assert.Equal(isAllowed, hosts.FaultOf(address) is null);
    }
}
