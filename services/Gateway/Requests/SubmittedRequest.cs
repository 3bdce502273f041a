using System.Text.Json.Nodes;
using Brownian.Jobs.Queues;

namespace Brownian.Gateway.Requests;

/// <summary>A request as it came through a door: what is drawn, and what is said of the job.</summary>
/// <param name="Request">The request's fields, as a request file.</param>
/// <param name="Priority">The job's class.</param>
/// <param name="Deadline">When it fails; null for never.</param>
/// <param name="IdempotencyKey">The client's name for the submission, or null.</param>
/// <param name="Labels">The client's own.</param>
public sealed record SubmittedRequest(
    JsonObject Request, JobPriority Priority, DateTimeOffset? Deadline, string? IdempotencyKey, IReadOnlyDictionary<string, string> Labels);
