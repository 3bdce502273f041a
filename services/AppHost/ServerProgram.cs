namespace Brownian.AppHost;

/// <summary>A server that runs as a program on this machine, started by a script of <c>deploy/local</c>.</summary>
/// <param name="name">The resource's name.</param>
/// <param name="script">The script's path.</param>
/// <param name="folder">The script's working directory.</param>
/// <param name="connection">Creates the connection string from the endpoint's host and port.</param>
internal sealed class ServerProgram(string name, string script, string folder, Func<EndpointReferenceExpression, ReferenceExpression> connection)
    : ExecutableResource(name, script, folder), IResourceWithConnectionString
{
    /// <summary>The name of the endpoint that clients use.</summary>
    public const string EndpointName = "tcp";

    /// <inheritdoc/>
    public ReferenceExpression ConnectionStringExpression =>
        connection(new EndpointReference(this, EndpointName).Property(EndpointProperty.HostAndPort));
}
