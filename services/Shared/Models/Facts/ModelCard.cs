using System.Text.Json.Nodes;
using Brownian.Models.Folders;

namespace Brownian.Models.Facts;

/// <summary>
/// What must be known of a model to tell what a request means for it: small, without graphs or folders, so that a gateway has it of models
/// that lie on other machines.
/// </summary>
public sealed record ModelCard
{
    /// <summary>The name that requests use.</summary>
    public required string Name { get; init; }

    /// <summary>The family's name.</summary>
    public required string Family { get; init; }

    /// <summary>As of <see cref="ModelFingerprint"/>; empty where it is not needed.</summary>
    public string Fingerprint { get; init; } = "";

    /// <summary>Sizes and channels.</summary>
    public required ModelFacts Facts { get; init; }

    /// <summary>The stages where it is a cascade of other models; null for a model.</summary>
    public IReadOnlyList<CascadeStage>? Stages { get; init; }

    /// <summary>The model's <c>scheduler_config.json</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>What suits the model.</summary>
    public ModelDefaults Defaults { get; init; } = new();

    /// <summary>A name for people.</summary>
    public string? Title { get; init; }

    /// <summary>What it draws.</summary>
    public string? Description { get; init; }

    /// <summary>The licence.</summary>
    public string? License { get; init; }

    /// <summary>Prompts to try.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];
}
