using System.Text.Json.Serialization;
using Brownian.Requests.References;

namespace Brownian.Models.Plans;

/// <summary>Settings of a denoise stage: those of its runs, and what they take from earlier stages.</summary>
public sealed record DenoiseSettings : DenoiseRunSettings
{
    /// <summary>The folder of the denoiser's graph; null for the model's first.</summary>
    public string? Part { get; init; }

    /// <summary>Whether what is denoised are pixels in [-1, 1], which need no decoder to be looked at.</summary>
    public bool IsPixels { get; init; }

    /// <summary>Whether the denoiser is given pooled embeddings without sizes.</summary>
    public bool IsPooled { get; init; }

    /// <summary>What the denoiser's graph takes beside the usual inputs.</summary>
    [JsonPropertyName("further")]
    public IReadOnlyList<ExtraInput> ExtraInputs { get; init; } = [];

    /// <summary>One per image.</summary>
    [JsonPropertyOrder(2)]
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>XL's sizes and crops; null for models that take none.</summary>
    [JsonPropertyOrder(4)]
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>The same for the pass without the prompt.</summary>
    [JsonPropertyOrder(4)]
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }

    /// <summary>The prompts that guide the run together or change during it; empty for the input <c>embedding</c> alone.</summary>
    [JsonPropertyOrder(6)]
    public IReadOnlyList<PromptGuide> Prompts { get; init; } = [];

    /// <summary>The negative prompt where it changes; null for the input <c>negative</c>.</summary>
    [JsonPropertyOrder(6)]
    public PromptGuide? Negative { get; init; }

    /// <summary>What is merged into the denoiser; null for nothing.</summary>
    [JsonPropertyOrder(6)]
    public AdapterReferences? Adapters { get; init; }

    /// <summary>What an image is to the run; null where there is none.</summary>
    [JsonPropertyOrder(6)]
    public ImageSettings? Image { get; init; }

    /// <summary>ControlNets and what they are shown.</summary>
    [JsonPropertyOrder(6)]
    public IReadOnlyList<ControlSettings> Controls { get; init; } = [];

    /// <summary>What each image's noise is moved towards; empty for nothing.</summary>
    [JsonPropertyOrder(8)]
    public IReadOnlyList<ulong> Subseeds { get; init; } = [];

    /// <summary>Every so many evaluations a preview is made; 0 for none.</summary>
    [JsonPropertyOrder(10)]
    public int PreviewEvery { get; init; }

    /// <summary>Previews' longer side in pixels; null for the images' own.</summary>
    [JsonPropertyOrder(10)]
    public int? PreviewSize { get; init; }
}
