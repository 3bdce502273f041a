using System.Text.Json.Nodes;

namespace Brownian.Models.Plans;

/// <summary>One piece of a job, run by one service.</summary>
public sealed record PlanStage
{
    /// <summary>The stage's name in the plan, for example <c>denoise</c>: lower-case letters, digits and dashes.</summary>
    public required string Name { get; init; }

    /// <summary>One of <see cref="StageKind"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>The model whose graph the stage runs; null for a stage without one.</summary>
    public string? Model { get; init; }

    /// <summary>The model's fingerprint when the plan was made. A worker whose files have another fingerprint must not run the stage.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>The settings that the kind's runner reads. They fix everything that workers could otherwise decide differently.</summary>
    public JsonObject Settings { get; init; } = [];

    /// <summary>The source of each input: the input's name, and <c>stage.output</c> of any earlier stage.</summary>
    public IReadOnlyDictionary<string, string> Inputs { get; init; } = new Dictionary<string, string>();
}
