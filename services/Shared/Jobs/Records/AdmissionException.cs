namespace Brownian.Jobs.Records;

/// <summary>Thrown when no more jobs or files are admitted now.</summary>
/// <param name="message">The limit that is reached.</param>
public sealed class AdmissionException(string message) : Exception(message)
{
    /// <summary>The time after which the request may be admitted; null when it never is under the present limits.</summary>
    public TimeSpan? RetryAfter { get; init; } = TimeSpan.FromSeconds(1);
}
