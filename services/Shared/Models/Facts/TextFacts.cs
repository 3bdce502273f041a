using System.Text.Json.Serialization;

namespace Brownian.Models.Facts;

/// <summary>The text encoders of a model that has a T5 encoder, or room for one.</summary>
/// <param name="Clips">The folders of its CLIP encoders.</param>
/// <param name="T5">The folder of its T5 encoder; null where zeros stand for its tokens.</param>
/// <param name="Join">What the denoiser is given of them.</param>
/// <param name="Window">T5's ids where a request does not say how many.</param>
/// <param name="MaxWindow">The most that a request may ask for.</param>
public sealed record TextFacts(
    IReadOnlyList<string> Clips, string? T5, TextJoin Join, int Window,
    [property: JsonPropertyName("most_window")] int MaxWindow);
