namespace Brownian.Jobs.Records;

/// <summary>Thrown when no more jobs or files are admitted now.</summary>
/// <param name="message">The limit that is reached.</param>
public sealed class AdmissionException(string message) : Exception(message)
{
    /// <summary>The time after which a client retries.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);
}
