using System.Threading.RateLimiting;
using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Telemetry;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting;

/// <summary>
/// Writes refused calls to the audit log, at most ten a second of a process: the others are counted in the metric only. A refusal never waits for the
/// log.
/// </summary>
/// <param name="audit">The audit log.</param>
/// <param name="addresses">Determines the callers' addresses.</param>
/// <param name="telemetry">Counts refusals.</param>
/// <param name="clock">The time.</param>
/// <param name="logger">Logs that the audit log is unavailable.</param>
internal sealed class RefusalLog(
    IAuditLog audit, ClientAddresses addresses, PlatformTelemetry telemetry, TimeProvider clock, ILogger<RefusalLog> logger) : IDisposable
{
    private readonly TokenBucketRateLimiter _limiter = new(new TokenBucketRateLimiterOptions
    {
        TokenLimit = 10,
        TokensPerPeriod = 10,
        ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        QueueLimit = 0,
    });

    /// <summary>Reports a refused call.</summary>
    /// <param name="context">The call.</param>
    /// <param name="caller">The caller; null when it is not known.</param>
    /// <param name="code">The status of the refusal.</param>
    public void Report(HttpContext context, Caller? caller, StatusCode code)
    {
        telemetry.CallRefused(code.ToString());
        using RateLimitLease lease = _limiter.AttemptAcquire();
        if (lease.IsAcquired)
        {
            string path = context.Request.Path;
            _ = AppendAsync(new AuditEntry(
                clock.GetUtcNow(), caller?.Actor ?? "unknown", caller?.Tenant ?? "", "access.refuse", path.Length <= 128 ? path : path[..128],
                addresses.Of(context), code.ToString()));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter.Dispose();

    private async Task AppendAsync(AuditEntry entry)
    {
        try
        {
            await audit.AppendRefusalAsync(entry, CancellationToken.None).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.AuditUnavailable(logger, exception.Details);
        }
    }
}
