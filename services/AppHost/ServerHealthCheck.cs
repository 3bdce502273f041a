using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Brownian.AppHost;

/// <summary>Checks whether a server answers a request of its client library.</summary>
/// <param name="server">The server.</param>
/// <param name="probe">Sends the request, given the connection string; throws when the server does not answer.</param>
internal sealed class ServerHealthCheck(ServerProgram server, Func<string, CancellationToken, Task> probe) : IHealthCheck
{
    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await probe((await server.ConnectionStringExpression.GetValueAsync(cancellationToken))!, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy(exception.Message);
        }
    }
}
