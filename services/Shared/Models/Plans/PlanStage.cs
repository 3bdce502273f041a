using System.Text.Json.Nodes;

namespace Brownian.Models.Plans;

/// <summary>One piece of a job that one service does.</summary>
public sealed record PlanStage
{
    /// <summary>Its name in the plan, for example <c>denoise</c>: lower-case letters, digits and dashes.</summary>
    public required string Name { get; init; }

    /// <summary>One of <see cref="StageKind"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>The model whose graph it runs; null for stages that run none.</summary>
    public string? Model { get; init; }

    /// <summary>The model's fingerprint when the plan was made: a worker with other files must not run it.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>What the kind's runner reads: everything that a worker could decide differently is decided here.</summary>
    public JsonObject Settings { get; init; } = [];

    /// <summary>Where each input comes from: its name, and <c>stage.output</c> of any earlier stage.</summary>
    public IReadOnlyDictionary<string, string> Inputs { get; init; } = new Dictionary<string, string>();
}
