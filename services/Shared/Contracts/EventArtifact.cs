using System.Text.Json.Serialization;

namespace Brownian.Contracts;

/// <summary>A finished image, available from a gateway by its id: <c>GET /v1/artifacts/ID</c>.</summary>
public sealed record EventArtifact
{
    /// <summary>The image's id.</summary>
    [JsonPropertyName("id")]
    public required string Id { get; init; }

    /// <summary>The image's index in the request, from 0.</summary>
    [JsonPropertyName("index")]
    public required int Index { get; init; }

    /// <summary>The image's seed. In JSON it is a string, because many readers represent only 53 bits of a number.</summary>
    [JsonPropertyName("seed")]
    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public required ulong Seed { get; init; }

    /// <summary>The width in pixels; 0 when the file is not an image.</summary>
    [JsonPropertyName("width")]
    public required int Width { get; init; }

    /// <summary>The height in pixels; 0 when the file is not an image.</summary>
    [JsonPropertyName("height")]
    public required int Height { get; init; }

    /// <summary>The media type, for example <c>image/png</c>.</summary>
    [JsonPropertyName("mediaType")]
    public required string MediaType { get; init; }

    /// <summary>The size of the file in bytes.</summary>
    [JsonPropertyName("size")]
    public required long Size { get; init; }

    /// <summary>SHA-256 of the file, 64 hexadecimal digits in lower case.</summary>
    [JsonPropertyName("sha256")]
    public required string Sha256 { get; init; }
}
