using System.Text.Json.Serialization;

namespace Brownian.Contracts;

/// <summary>A job is stored and queued. Published at least once to <see cref="EventExchanges.JobAccepted"/>.</summary>
public sealed record JobAccepted
{
    /// <summary>The event's id, <c>JOB.accepted</c>, which is the same in every repetition.</summary>
    [JsonPropertyName("eventId")]
    public required string EventId { get; init; }

    /// <summary>The job's id: 32 hexadecimal digits.</summary>
    [JsonPropertyName("jobId")]
    public required string JobId { get; init; }

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

    /// <summary>When the job was submitted.</summary>
    [JsonPropertyName("created")]
    public required DateTimeOffset Created { get; init; }
}
