using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Brownian.Cli.Output;

/// <summary>A model or cascade of <c>brownian models list</c>.</summary>
internal sealed record ListedModel
{
    /// <summary>The name.</summary>
    public string Name { get; init; } = "";

    /// <summary>Whether requests that name no model use it.</summary>
    [JsonPropertyName("default")]
    public bool IsDefault { get; init; }

    /// <summary>The family; null for a folder that cannot be used.</summary>
    public string? Family { get; init; }

    /// <summary>The width and height that it was made for, such as <c>512x512</c>; <c>any</c> for upscalers, null for a cascade.</summary>
    public string? Size { get; init; }

    /// <summary>How the weights are stored: float32, float16, bfloat16 or int8; null when that is not known.</summary>
    public string? Precision { get; init; }

    /// <summary>The size of its graphs and weights on disk; null for a cascade.</summary>
    public long? Bytes { get; init; }

    /// <summary>The licence; null when none is stated.</summary>
    public string? License { get; init; }

    /// <summary>Its folder.</summary>
    public string Folder { get; init; } = "";

    /// <summary>Why the folder cannot be used; null for one that can.</summary>
    public string? Fault { get; init; }

    /// <summary>How models are written as JSON.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
