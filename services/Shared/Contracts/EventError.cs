using System.Text.Json.Serialization;

namespace Brownian.Contracts;

/// <summary>Why a job failed.</summary>
public sealed record EventError
{
    /// <summary>A <c>google.rpc</c> code, for example 3 for INVALID_ARGUMENT and 4 for DEADLINE_EXCEEDED.</summary>
    [JsonPropertyName("code")]
    public required int Code { get; init; }

    /// <summary>A description of the failure.</summary>
    [JsonPropertyName("message")]
    public required string Message { get; init; }
}
