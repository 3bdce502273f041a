namespace Brownian.Jobs;

/// <summary>
/// Thrown when the store or the broker cannot be used now. The request itself is valid. The message is one sentence for clients and does not depend
/// on the cause; <see cref="Details"/> contains the server or file and the library's error, for logs.
/// </summary>
/// <param name="part">The part that cannot be used.</param>
/// <param name="details">The server or file, and the reason.</param>
/// <param name="inner">The exception of its client library.</param>
/// <param name="isFull">Whether the part answers but refuses to store more.</param>
public sealed class PlatformUnavailableException(PlatformPart part, string details, Exception? inner = null, bool isFull = false)
    : Exception(isFull ? FullMessage : MessageOf(part), inner)
{
    private const string FullMessage = "the store is full; try again later, or cancel jobs that are not needed";

    /// <summary>The time after which a client retries.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>The part that cannot be used.</summary>
    public PlatformPart Part => part;

    /// <summary>Whether the part answers but refuses to store more until something is removed.</summary>
    public bool IsFull => isFull;

    /// <summary>The server or file and the library's error; never sent to clients.</summary>
    public string Details => details;

    /// <inheritdoc/>
    /// <remarks>For logs, so the details come first.</remarks>
    public override string ToString() => $"{details}{Environment.NewLine}{base.ToString()}";

    private static string MessageOf(PlatformPart part) => part switch
    {
        PlatformPart.JobStore => "the job store cannot be used now; try again later",
        PlatformPart.MessageBroker => "the message broker cannot be used now; try again later",
        PlatformPart.FileStore => "the file store cannot be used now; try again later",
        PlatformPart.Submission => "the submission took too long and was abandoned; try again later",
        PlatformPart.Models => "no worker has announced a model yet; try again later",
        PlatformPart.Model => "the workers are starting and have not announced the model yet; try again later",
        PlatformPart.Workers => "the workers cannot be used now; try again later",
        PlatformPart.Issuer => "the issuer of tokens cannot be reached now; try again later",
        _ => throw new ArgumentOutOfRangeException(nameof(part), part, null),
    };
}
