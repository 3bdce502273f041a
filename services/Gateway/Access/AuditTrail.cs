using Brownian.Hosting;
using Brownian.Jobs.Access;
using Grpc.Core;

namespace Brownian.Gateway.Access;

/// <summary>Writes what callers do to the audit log.</summary>
/// <param name="audit">The audit log.</param>
/// <param name="addresses">Determines the callers' addresses.</param>
/// <param name="clock">The time.</param>
public sealed class AuditTrail(IAuditLog audit, ClientAddresses addresses, TimeProvider clock)
{
    /// <summary>Writes an entry about an operator's or administrator's call, before it is carried out.</summary>
    /// <param name="context">The call.</param>
    /// <param name="action">What is done.</param>
    /// <param name="target">What it is done to.</param>
    /// <param name="tenant">The tenant that it concerns; null for the caller's.</param>
    /// <param name="details">Further facts.</param>
    public Task WriteAsync(ServerCallContext context, string action, string target, string? tenant = null, string details = "")
    {
        AuditEntry entry = Describe(context.GetHttpContext(), action, target, details);
        return audit.AppendAsync(tenant is null ? entry : entry with { Tenant = tenant }, context.CancellationToken);
    }

    /// <summary>Returns an entry about a job; null for callers without credentials, because the entry would name no caller.</summary>
    public AuditEntry? DescribeJob(HttpContext context, string action, string job) =>
        Callers.Of(context).IsAnonymous ? null : Describe(context, action, job, "");

    /// <summary>Writes an entry about a job.</summary>
    public Task WriteJobAsync(HttpContext context, string action, string job, CancellationToken? cancellationToken = null) =>
        DescribeJob(context, action, job) is { } entry
            ? audit.AppendAsync(entry, cancellationToken ?? context.RequestAborted)
            : Task.CompletedTask;

    private AuditEntry Describe(HttpContext context, string action, string target, string details)
    {
        Caller caller = Callers.Of(context);
        return new AuditEntry(clock.GetUtcNow(), caller.Actor, caller.Tenant, action, target, addresses.Of(context), details);
    }
}
