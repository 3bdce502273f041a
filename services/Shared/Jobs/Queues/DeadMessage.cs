namespace Brownian.Jobs.Queues;

/// <summary>A message that no worker will process.</summary>
/// <param name="Queue">The queue that it was in.</param>
/// <param name="Reason">Why it was dead-lettered.</param>
/// <param name="Job">The job's id in the message, or null.</param>
/// <param name="Body">The beginning of its body as text, for the log.</param>
public sealed record DeadMessage(string Queue, string Reason, string? Job, string Body);
