namespace Brownian.Jobs.Uploads;

/// <summary>The refusal of an upload for lack of room.</summary>
/// <param name="Bound">The limit that it would exceed.</param>
/// <param name="RetryAfter">The time from now until the oldest upload that counts for the limit expires.</param>
public sealed record UploadRefusal(UploadBound Bound, TimeSpan RetryAfter);
