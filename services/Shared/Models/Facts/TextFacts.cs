using System.Text.Json.Serialization;

namespace Brownian.Models.Facts;

/// <summary>The text encoders of a model that has a T5 encoder or an optional place for one.</summary>
/// <param name="Clips">The folders of the CLIP encoders.</param>
/// <param name="T5">The folder of the T5 encoder; null when zeros replace its tokens.</param>
/// <param name="Join">How the encoders' outputs are combined for the denoiser.</param>
/// <param name="Window">The length of T5's token window when a request does not state it.</param>
/// <param name="MaxWindow">The longest window that a request may state.</param>
public sealed record TextFacts(
    IReadOnlyList<string> Clips, string? T5, TextJoin Join, int Window,
    [property: JsonPropertyName("most_window")] int MaxWindow);
