namespace Brownian.Jobs.Access;

/// <summary>A direct call, which counts for the quotas of its tenant like a job.</summary>
/// <param name="Id">The id.</param>
/// <param name="Tenant">The tenant's name.</param>
/// <param name="PixelSteps">See <see cref="TenantQuotas.PixelStepsPerDay"/>.</param>
public sealed record DirectCall(string Id, string Tenant, long PixelSteps);
