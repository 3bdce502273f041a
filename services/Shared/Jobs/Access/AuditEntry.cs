using System.Text.Json.Serialization;

namespace Brownian.Jobs.Access;

/// <summary>An entry of the audit log.</summary>
/// <param name="Time">When it was written.</param>
/// <param name="Actor">See <see cref="Caller.Actor"/>.</param>
/// <param name="Tenant">The tenant that it concerns: the caller's, or that of the key or the tenant that was changed.</param>
/// <param name="Action">What was done, such as <c>job.submit</c>, <c>key.create</c> or <c>access.refuse</c>.</param>
/// <param name="Target">What it was done to: the id of a job or key, the name of a tenant or call.</param>
/// <param name="Address">The caller's address.</param>
/// <param name="Details">Further facts; empty for none.</param>
public sealed record AuditEntry(
    DateTimeOffset Time, string Actor, string Tenant, string Action, string Target, string Address, string Details = "")
{
    /// <summary>Whether it is about a job or a direct call, which tenants make, and not about an act of an operator.</summary>
    [JsonIgnore]
    public bool IsOfTenant => Action.StartsWith("job.", StringComparison.Ordinal) || Action.StartsWith("direct.", StringComparison.Ordinal);
}
