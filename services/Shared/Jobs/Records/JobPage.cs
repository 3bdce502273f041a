namespace Brownian.Jobs.Records;

/// <summary>A page of jobs.</summary>
/// <param name="Jobs">The newest first.</param>
/// <param name="Next">What <see cref="JobQuery.After"/> must be for the next page; null on the last.</param>
public sealed record JobPage(IReadOnlyList<StoredJob> Jobs, string? Next);
