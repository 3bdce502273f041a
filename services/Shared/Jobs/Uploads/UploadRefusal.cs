namespace Brownian.Jobs.Uploads;

/// <summary>There is no room for an upload.</summary>
/// <param name="Bound">What it would exceed.</param>
/// <param name="RetryAfter">When the oldest of the uploads that count for the bound expires, from now.</param>
public sealed record UploadRefusal(UploadBound Bound, TimeSpan RetryAfter);
