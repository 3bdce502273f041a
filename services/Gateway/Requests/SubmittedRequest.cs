using System.Text.Json.Nodes;
using Brownian.Jobs.Queues;

namespace Brownian.Gateway.Requests;

/// <summary>A request as it was received: the fields of the generation and those of the job.</summary>
/// <param name="Request">The request's fields, in the form of a request file.</param>
/// <param name="Priority">The job's priority class.</param>
/// <param name="Deadline">When the job fails; null for never.</param>
/// <param name="IdempotencyKey">The client's idempotency key for the submission, or null.</param>
/// <param name="Labels">The client's labels.</param>
/// <param name="CallbackUrl">The address that is called when the job has ended, or null.</param>
public sealed record SubmittedRequest(
    JsonObject Request, JobPriority Priority, DateTimeOffset? Deadline, string? IdempotencyKey, IReadOnlyDictionary<string, string> Labels,
    string? CallbackUrl);
