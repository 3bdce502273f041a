namespace Brownian.Jobs.Records;

/// <summary>Which jobs to list.</summary>
public sealed record JobQuery
{
    /// <summary>At most so many.</summary>
    public int Max { get; init; } = 100;

    /// <summary>Only jobs that come after the one that ended the page before; its id. Null for the first page.</summary>
    public string? After { get; init; }

    /// <summary>Only jobs in one of these; all where empty.</summary>
    public IReadOnlyCollection<JobPhase> Phases { get; init; } = [];

    /// <summary>Only jobs of this model.</summary>
    public string? Model { get; init; }

    /// <summary>Only jobs that carry all of these.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether a job is one of those that are asked for.</summary>
    public bool Matches(StoredJob job) =>
        (Phases.Count == 0 ? job.Record.Phase is not (JobPhase.Submitting or JobPhase.Abandoned) : Phases.Contains(job.Record.Phase))
        && (Model is null || job.Definition.Model == Model)
        && Labels.All(label => job.Definition.Labels.TryGetValue(label.Key, out string? value) && value == label.Value);
}
