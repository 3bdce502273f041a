using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>The request fields about the job that a gateway creates. Requests that run on this machine cannot have these fields.</summary>
public sealed record JobOptions
{
    private const int MaxTextLength = 256;
    private const int MaxLabels = 64;
    private const int MaxUrlLength = 2048;

    /// <summary>The priority class.</summary>
    [ChoiceField("The priority class of the job", "interactive", "standard", "batch", Group = FieldGroup.Job, Default = "standard",
        Neutral = "\"standard\"")]
    public string? Priority { get; init; }

    /// <summary>The time at which the job fails if it has not ended.</summary>
    [TimeField("The time at which the job fails with DEADLINE_EXCEEDED if it has not ended", Group = FieldGroup.Job, Default = "never")]
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>The client's idempotency key for the submission.</summary>
    [TextField("The same key with the same request returns the same "
        + "job; with another request it is an error", MaxTextLength, MinLength = 1, Group = FieldGroup.Job, Default = "none")]
    public string? IdempotencyKey { get; init; }

    /// <summary>The client's labels.</summary>
    [TextMapField("The client's labels for the job, by which jobs can be listed", MaxTextLength, MaxLabels, Group = FieldGroup.Job,
        Default = "none", Neutral = "{}")]
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The address that the gateway calls when the job has ended.</summary>
    [TextField("An address that the gateway calls with POST when the job has ended, at a host that the gateway allows", MaxUrlLength, MinLength = 1,
        Group = FieldGroup.Job, Default = "none")]
    public string? CallbackUrl { get; init; }

    /// <summary>Whether the job continues when the client ends the call.</summary>
    [BooleanField("Generate only: the job continues when the client ends the call", Group = FieldGroup.Job, Default = "false", Neutral = "false")]
    public bool Detach { get; init; }

    /// <summary>Whether the gateway calls the stage services itself instead of queueing a job.</summary>
    [BooleanField("Generate only: the gateway calls the stage "
        + "services itself instead of queueing a job", Group = FieldGroup.Job, Default = "false", Neutral = "false")]
    public bool Direct { get; init; }

    /// <summary>A partial result from which the request is resumed.</summary>
    [TextField("An upload of the file of a run with stop_after: the request "
        + "in the file continues after that stage", 4096, NamesFile = true, Group = FieldGroup.Job, Default = "none")]
    public string? From { get; init; }

    /// <summary>Reads the job's fields from JSON.</summary>
    /// <param name="json">The JSON; other fields are ignored.</param>
    /// <param name="faults">Receives the faults.</param>
    public static JobOptions Read(JsonObject json, List<FieldFault> faults) => (JobOptions)RequestSchema.Job.Read(json, "", faults);
}
