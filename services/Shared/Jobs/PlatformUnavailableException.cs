namespace Brownian.Jobs;

/// <summary>
/// The store or the broker cannot be used now. Nothing is wrong with what was asked. The message is one sentence for clients, the same whatever
/// happened; which server or file it is and what its library says are in <see cref="Details"/>, for logs.
/// </summary>
/// <param name="part">What cannot be used.</param>
/// <param name="details">Which one, and why.</param>
/// <param name="inner">What its client said.</param>
/// <param name="isFull">Whether it answers, and only refuses to store more.</param>
public sealed class PlatformUnavailableException(PlatformPart part, string details, Exception? inner = null, bool isFull = false)
    : Exception(isFull ? FullMessage : MessageOf(part), inner)
{
    private const string FullMessage = "the store is full; try again later, or cancel jobs that are not needed";

    /// <summary>When to try again.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>What cannot be used.</summary>
    public PlatformPart Part => part;

    /// <summary>Whether it answers, and only refuses to store more until something is removed.</summary>
    public bool IsFull => isFull;

    /// <summary>Which server or file it is and what its library says; never for clients.</summary>
    public string Details => details;

    /// <inheritdoc/>
    /// <remarks>For logs, so the details come first.</remarks>
    public override string ToString() => $"{details}{Environment.NewLine}{base.ToString()}";

    private static string MessageOf(PlatformPart part) => part switch
    {
        PlatformPart.JobStore => "the job store cannot be used now; try again later",
        PlatformPart.MessageBroker => "the message broker cannot be used now; try again later",
        PlatformPart.FileStore => "the file store cannot be used now; try again later",
        PlatformPart.Submission => "the submission took too long and was given up; try again later",
        PlatformPart.Models => "no worker has announced a model yet; try again later",
        PlatformPart.Model => "the workers are starting and have not announced the model yet; try again later",
        _ => throw new ArgumentOutOfRangeException(nameof(part), part, null),
    };
}
