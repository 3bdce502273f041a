namespace Brownian.Jobs.Services;

/// <summary>An idempotency key was used for another request.</summary>
/// <param name="key">The key.</param>
/// <param name="job">The job that it submitted.</param>
public sealed class IdempotencyConflictException(string key, string job)
    : Exception($"the idempotency_key \"{key}\" belongs to job {job}, which was submitted with another request");
