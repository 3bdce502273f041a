using System.Text.Json.Serialization;
using Brownian.Requests.References;

namespace Brownian.Models.Plans;

/// <summary>Settings of a denoise stage: those of its runs, and the inputs that they read from earlier stages.</summary>
public sealed record DenoiseSettings : DenoiseRunSettings
{
    /// <summary>The folder of the denoiser's graph; null for the model's first.</summary>
    public string? Part { get; init; }

    /// <summary>Whether the run denoises pixels in [-1, 1], which need no decoder.</summary>
    public bool IsPixels { get; init; }

    /// <summary>Whether the denoiser receives pooled embeddings without sizes.</summary>
    public bool IsPooled { get; init; }

    /// <summary>Further inputs of the denoiser's graph.</summary>
    [JsonPropertyName("further")]
    public IReadOnlyList<ExtraInput> ExtraInputs { get; init; } = [];

    /// <summary>One seed per image.</summary>
    [JsonPropertyOrder(2)]
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>XL's sizes and crops; null for models without them.</summary>
    [JsonPropertyOrder(4)]
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>XL's sizes and crops for the unconditional pass.</summary>
    [JsonPropertyOrder(4)]
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }

    /// <summary>The prompts that guide the run together or change during it; empty when only the input <c>embedding</c> is used.</summary>
    [JsonPropertyOrder(6)]
    public IReadOnlyList<PromptGuide> Prompts { get; init; } = [];

    /// <summary>The negative prompt when it changes during the run; null to use the input <c>negative</c>.</summary>
    [JsonPropertyOrder(6)]
    public PromptGuide? Negative { get; init; }

    /// <summary>The adapters that are merged into the denoiser; null for none.</summary>
    [JsonPropertyOrder(6)]
    public AdapterReferences? Adapters { get; init; }

    /// <summary>How the run uses an input image; null without one.</summary>
    [JsonPropertyOrder(6)]
    public ImageSettings? Image { get; init; }

    /// <summary>The ControlNets and their control images.</summary>
    [JsonPropertyOrder(6)]
    public IReadOnlyList<ControlSettings> Controls { get; init; } = [];

    /// <summary>The seeds of the noise that each image's noise is moved towards; empty for none.</summary>
    [JsonPropertyOrder(8)]
    public IReadOnlyList<ulong> Subseeds { get; init; } = [];

    /// <summary>The number of evaluations between two previews; 0 for no previews.</summary>
    [JsonPropertyOrder(10)]
    public int PreviewEvery { get; init; }

    /// <summary>The longer side of previews in pixels; null for the size of the images.</summary>
    [JsonPropertyOrder(10)]
    public int? PreviewSize { get; init; }
}
