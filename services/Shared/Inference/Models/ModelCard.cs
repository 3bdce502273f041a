using System.Text.Json.Nodes;
using Brownian.Inference.Families;

namespace Brownian.Inference.Models;

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

    /// <summary>The card of a folder.</summary>
    /// <param name="model">The folder, of a known family.</param>
    /// <param name="facts">What is known of it so far.</param>
    /// <param name="fingerprint">Its fingerprint, where it is needed.</param>
    /// <exception cref="ModelException">The folder holds no model of a known family.</exception>
    public static ModelCard Of(ModelFolder model, ModelFacts facts, string fingerprint = "")
    {
        ModelFamilies.Require(model);
        return new ModelCard
        {
            Name = model.Name,
            Family = ModelFamilies.NameOf(facts),
            Fingerprint = fingerprint,
            Facts = facts,
            Scheduler = facts.Scheduler ?? model.Scheduler ?? [],
            Defaults = model.Manifest.Defaults,
            Title = model.Manifest.Title,
            Description = model.Manifest.Description,
            License = model.Manifest.License,
            Examples = model.Manifest.Examples,
        };
    }
}
