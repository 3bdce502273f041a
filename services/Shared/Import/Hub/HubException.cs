namespace Brownian.Import.Hub;

/// <summary>Thrown when a request failed in a way that can pass: a lost connection, a server that is busy or at fault.</summary>
internal sealed class HubException : Exception
{
    /// <param name="message">What failed, as one sentence.</param>
    /// <param name="retryAfter">The time that the server asks to wait; null when it states none.</param>
    /// <param name="inner">The cause.</param>
    public HubException(string message, TimeSpan? retryAfter = null, Exception? inner = null)
        : base(message, inner)
    {
        RetryAfter = retryAfter;
    }

    /// <summary>The time that the server asks to wait; null when it states none.</summary>
    public TimeSpan? RetryAfter { get; }
}
