namespace Brownian.Jobs.Access;

/// <summary>What counts for the quotas of a tenant now.</summary>
/// <param name="RequestsInMinute">The requests that were admitted in the last 60 seconds, where the tenant has such a quota.</param>
/// <param name="Jobs">The jobs that have not ended, with running direct calls.</param>
/// <param name="PixelStepsToday">The pixel-steps of the current day (UTC).</param>
/// <param name="ImageBytes">The bytes of its jobs' images and files.</param>
public sealed record TenantHeld(long RequestsInMinute, long Jobs, long PixelStepsToday, long ImageBytes);
