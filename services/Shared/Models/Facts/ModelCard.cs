using System.Text.Json.Nodes;
using Brownian.Models.Folders;

namespace Brownian.Models.Facts;

/// <summary>
/// The facts about a model that are needed to interpret a request for it. A card is small and contains no graphs or folders, so that a gateway can
/// hold cards of models that are stored on other machines.
/// </summary>
public sealed record ModelCard
{
    /// <summary>The name that requests use for the model.</summary>
    public required string Name { get; init; }

    /// <summary>The key of the model's family.</summary>
    public required string Family { get; init; }

    /// <summary>See <see cref="ModelFingerprint"/>; empty when it is not needed.</summary>
    public string Fingerprint { get; init; } = "";

    /// <summary>Sizes and channels.</summary>
    public required ModelFacts Facts { get; init; }

    /// <summary>The stages of a cascade of other models; null for a model.</summary>
    public IReadOnlyList<CascadeStage>? Stages { get; init; }

    /// <summary>The model's <c>scheduler_config.json</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>The model's recommended default values.</summary>
    public ModelDefaults Defaults { get; init; } = new();

    /// <summary>A display name.</summary>
    public string? Title { get; init; }

    /// <summary>A description of the images that the model generates.</summary>
    public string? Description { get; init; }

    /// <summary>The model's license.</summary>
    public string? License { get; init; }

    /// <summary>See <see cref="ModelManifest.CheckpointSha256"/>.</summary>
    public string? CheckpointSha256 { get; init; }

    /// <summary>Example prompts.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];
}
