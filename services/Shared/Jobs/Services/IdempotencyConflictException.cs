namespace Brownian.Jobs.Services;

/// <summary>Thrown when an idempotency key was used with another request.</summary>
/// <param name="key">The key.</param>
/// <param name="job">The job that was submitted with the key.</param>
public sealed class IdempotencyConflictException(string key, string job)
    : Exception($"the idempotency_key \"{key}\" belongs to job {job}, which was submitted with another request");
