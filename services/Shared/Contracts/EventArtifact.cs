using System.Text.Json.Serialization;

namespace Brownian.Contracts;

/// <summary>A finished picture, to be fetched from a gateway by its id: <c>GET /v1/artifacts/ID</c>.</summary>
public sealed record EventArtifact
{
    /// <summary>The image's id.</summary>
    [JsonPropertyName("id")]
    public required string Id { get; init; }

    /// <summary>The image's place in the request, from 0.</summary>
    [JsonPropertyName("index")]
    public required int Index { get; init; }

    /// <summary>The image's seed. In JSON it is a text: many readers hold no more than 53 bits of a number.</summary>
    [JsonPropertyName("seed")]
    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public required ulong Seed { get; init; }

    /// <summary>Pixels; 0 where the file is no image.</summary>
    [JsonPropertyName("width")]
    public required int Width { get; init; }

    /// <summary>Pixels; 0 where the file is no image.</summary>
    [JsonPropertyName("height")]
    public required int Height { get; init; }

    /// <summary>For example <c>image/png</c>.</summary>
    [JsonPropertyName("mediaType")]
    public required string MediaType { get; init; }

    /// <summary>Bytes of the file.</summary>
    [JsonPropertyName("size")]
    public required long Size { get; init; }

    /// <summary>SHA-256 of the file, 64 hexadecimal digits in lower case.</summary>
    [JsonPropertyName("sha256")]
    public required string Sha256 { get; init; }
}
