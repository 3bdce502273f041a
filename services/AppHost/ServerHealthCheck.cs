using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Brownian.AppHost;

/// <summary>Whether a server answers as its clients ask it.</summary>
/// <param name="server">The server.</param>
/// <param name="ask">Asks it, of its connection string; throws where it does not answer.</param>
internal sealed class ServerHealthCheck(ServerProgram server, Func<string, CancellationToken, Task> ask) : IHealthCheck
{
    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await ask((await server.ConnectionStringExpression.GetValueAsync(cancellationToken))!, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy(exception.Message);
        }
    }
}
