namespace Brownian.Jobs.Records;

/// <summary>There is no room for more now.</summary>
/// <param name="message">What is full.</param>
public sealed class AdmissionException(string message) : Exception(message)
{
    /// <summary>When to try again.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);
}
