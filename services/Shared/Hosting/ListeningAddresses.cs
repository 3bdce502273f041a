using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Brownian.Hosting;

/// <summary>The addresses that the process listens on, once it does.</summary>
/// <param name="server">The web server.</param>
public sealed class ListeningAddresses(IServer server)
{
    /// <summary>The address of HTTP/1.1; null before the start.</summary>
    public string? Http => At(0);

    /// <summary>The address of gRPC; null before the start.</summary>
    public string? Grpc => At(1);

    /// <summary>The operators' address of HTTP/1.1; null before the start.</summary>
    public string? OperatorHttp => At(2);

    /// <summary>The operators' address of gRPC; null before the start, and in a role that has none.</summary>
    public string? OperatorGrpc => At(3);

    /// <summary>The gRPC address for other machines: when the process listens on every address, the address contains the machine's name.</summary>
    public string? Reachable => Grpc is { } address && Uri.TryCreate(address, UriKind.Absolute, out Uri? uri)
        && IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? listened)
        && (listened.Equals(IPAddress.Any) || listened.Equals(IPAddress.IPv6Any))
        ? string.Create(CultureInfo.InvariantCulture, $"{uri.Scheme}://{Dns.GetHostName()}:{uri.Port}")
        : Grpc;

    private string? At(int index) => server.Features.Get<IServerAddressesFeature>()?.Addresses.ElementAtOrDefault(index);
}
