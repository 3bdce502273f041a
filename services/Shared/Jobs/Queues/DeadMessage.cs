namespace Brownian.Jobs.Queues;

/// <summary>A message that no worker will act on.</summary>
/// <param name="Queue">Where it was.</param>
/// <param name="Reason">Why it is dead.</param>
/// <param name="Job">The job it names, where it names one.</param>
/// <param name="Body">Its beginning as text, for the log.</param>
public sealed record DeadMessage(string Queue, string Reason, string? Job, string Body);
