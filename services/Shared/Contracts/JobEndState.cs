using System.Text.Json.Serialization;

namespace Brownian.Contracts;

/// <summary>How a job ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobEndState>))]
public enum JobEndState
{
    /// <summary>Every stage was completed.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>A stage failed, or the deadline passed.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,

    /// <summary>A client cancelled it.</summary>
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,
}
