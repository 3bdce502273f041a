namespace Brownian.Jobs.Records;

/// <summary>A page of jobs.</summary>
/// <param name="Jobs">The jobs, newest first.</param>
/// <param name="Next">The value of <see cref="JobQuery.After"/> for the next page; null on the last.</param>
public sealed record JobPage(IReadOnlyList<StoredJob> Jobs, string? Next);
