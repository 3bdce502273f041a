namespace Brownian.Jobs.Records;

/// <summary>The filter and page of a listing of jobs.</summary>
public sealed record JobQuery
{
    /// <summary>The largest number of jobs to return.</summary>
    public int Max { get; init; } = 100;

    /// <summary>The id of the last job of the previous page; only later jobs are returned. Null for the first page.</summary>
    public string? After { get; init; }

    /// <summary>Only jobs that were submitted at this time or later; all when null. Older jobs are not read.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only jobs in one of these phases; all when empty.</summary>
    public IReadOnlyCollection<JobPhase> Phases { get; init; } = [];

    /// <summary>Only jobs of this tenant; of all tenants when null.</summary>
    public string? Tenant { get; init; }

    /// <summary>Only jobs of this model; all when null.</summary>
    public string? Model { get; init; }

    /// <summary>Only jobs that have all of these labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether a job with this id, and all that come after it in a listing, are older than <see cref="Since"/>.</summary>
    /// <param name="id">The id, which begins with its time in milliseconds (RFC 9562, 5.7).</param>
    public bool IsPast(string id) => Since is { } since
        && string.CompareOrdinal(id, since.ToUnixTimeMilliseconds().ToString("x12", CultureInfo.InvariantCulture)) < 0;

    /// <summary>Whether a job matches the filter.</summary>
    public bool Matches(StoredJob job) =>
        (Phases.Count == 0 ? job.Record.Phase is not (JobPhase.Submitting or JobPhase.Abandoned) : Phases.Contains(job.Record.Phase))
        && (Tenant is null || job.Definition.TenantName == Tenant)
        && (Since is null || job.Definition.Created >= Since)
        && (Model is null || job.Definition.Model == Model)
        && Labels.All(label => job.Definition.Labels.TryGetValue(label.Key, out string? value) && value == label.Value);
}
