using System.Text.Json.Serialization;

namespace Brownian.Contracts;

/// <summary>A job is done, has failed or was cancelled. Published at least once to <see cref="EventExchanges.JobEnded"/>.</summary>
public sealed record JobEnded
{
    /// <summary>The event's id, <c>JOB.ended</c>, which is the same in every repetition.</summary>
    [JsonPropertyName("eventId")]
    public required string EventId { get; init; }

    /// <summary>The job's id: 32 hexadecimal digits.</summary>
    [JsonPropertyName("jobId")]
    public required string JobId { get; init; }

    /// <summary>How the job ended.</summary>
    [JsonPropertyName("state")]
    public required JobEndState State { get; init; }

    /// <summary>Why the job failed; null when it did not.</summary>
    [JsonPropertyName("error")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public EventError? Error { get; init; }

    /// <summary>The model that the request names.</summary>
    [JsonPropertyName("model")]
    public required string Model { get; init; }

    /// <summary>The tenant that owns the job, <c>default</c> for callers without credentials; null in events of earlier versions.</summary>
    [JsonPropertyName("tenant")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Tenant { get; init; }

    /// <summary>The client's labels.</summary>
    [JsonPropertyName("labels")]
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The finished images: all images of a job that is done, otherwise those finished before the end.</summary>
    [JsonPropertyName("artifacts")]
    public IReadOnlyList<EventArtifact> Artifacts { get; init; } = [];

    /// <summary>When the job was submitted.</summary>
    [JsonPropertyName("created")]
    public required DateTimeOffset Created { get; init; }

    /// <summary>When the first stage was taken; null when none was.</summary>
    [JsonPropertyName("started")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public DateTimeOffset? Started { get; init; }

    /// <summary>When the job ended.</summary>
    [JsonPropertyName("ended")]
    public required DateTimeOffset Ended { get; init; }
}
