using System.Net;

namespace Brownian.Import.Hub;

/// <summary>Requests to this machine go to no proxy: they are not encrypted, and may have a token.</summary>
/// <param name="proxy">The proxy of other requests.</param>
internal sealed class LoopbackBypass(IWebProxy proxy) : IWebProxy
{
    /// <inheritdoc/>
    public ICredentials? Credentials
    {
        get => proxy.Credentials;
        set => proxy.Credentials = value;
    }

    /// <inheritdoc/>
    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : proxy.GetProxy(destination);

    /// <inheritdoc/>
    public bool IsBypassed(Uri host) => host.IsLoopback || proxy.IsBypassed(host);
}
