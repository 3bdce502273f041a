using System.Text.Json.Serialization;

namespace Brownian.Contracts;

/// <summary>A job is done, has failed or was cancelled. Published once or more to <see cref="EventExchanges.JobEnded"/>.</summary>
public sealed record JobEnded
{
    /// <summary>The event's id, <c>JOB.ended</c>: the same in every repetition.</summary>
    [JsonPropertyName("eventId")]
    public required string EventId { get; init; }

    /// <summary>The job's id: 32 hexadecimal digits.</summary>
    [JsonPropertyName("jobId")]
    public required string JobId { get; init; }

    /// <summary>How it ended.</summary>
    [JsonPropertyName("state")]
    public required JobEndState State { get; init; }

    /// <summary>Why it failed; null where it did not.</summary>
    [JsonPropertyName("error")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public EventError? Error { get; init; }

    /// <summary>The model that the request names.</summary>
    [JsonPropertyName("model")]
    public required string Model { get; init; }

    /// <summary>Whose job it is; null where the cluster has no tenants.</summary>
    [JsonPropertyName("tenant")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Tenant { get; init; }

    /// <summary>The client's own labels.</summary>
    [JsonPropertyName("labels")]
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The finished images: all of a job that is done, those finished so far of another.</summary>
    [JsonPropertyName("artifacts")]
    public IReadOnlyList<EventArtifact> Artifacts { get; init; } = [];

    /// <summary>When the job was submitted.</summary>
    [JsonPropertyName("created")]
    public required DateTimeOffset Created { get; init; }

    /// <summary>When the first stage was taken; null where none was.</summary>
    [JsonPropertyName("started")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public DateTimeOffset? Started { get; init; }

    /// <summary>When it ended.</summary>
    [JsonPropertyName("ended")]
    public required DateTimeOffset Ended { get; init; }
}
