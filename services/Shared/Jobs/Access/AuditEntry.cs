namespace Brownian.Jobs.Access;

/// <summary>An entry of the audit log.</summary>
/// <param name="Time">When it was written.</param>
/// <param name="Actor">See <see cref="Caller.Actor"/>.</param>
/// <param name="Tenant">The caller's tenant.</param>
/// <param name="Action">What was done, such as <c>job.submit</c>, <c>key.create</c> or <c>access.refuse</c>.</param>
/// <param name="Target">What it was done to: the id of a job or key, the name of a tenant or call.</param>
/// <param name="Address">The caller's address.</param>
/// <param name="Details">Further facts; empty for none.</param>
public sealed record AuditEntry(
    DateTimeOffset Time, string Actor, string Tenant, string Action, string Target, string Address, string Details = "");
