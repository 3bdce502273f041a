namespace Brownian.Jobs.Access;

/// <summary>What a tenant used on one day (UTC).</summary>
/// <param name="Tenant">The tenant's name.</param>
/// <param name="Day">The day on which its requests were admitted.</param>
/// <param name="Requests">The number of admitted requests: jobs and direct calls.</param>
/// <param name="Done">How many of them were completed.</param>
/// <param name="Failed">How many failed.</param>
/// <param name="Cancelled">How many were cancelled.</param>
/// <param name="Images">The number of images that they made.</param>
/// <param name="PixelSteps">See <see cref="TenantQuotas.PixelStepsPerDay"/>; requests that have not ended count in full.</param>
public sealed record TenantUsage(
    string Tenant, DateOnly Day, long Requests, long Done, long Failed, long Cancelled, long Images, long PixelSteps);
