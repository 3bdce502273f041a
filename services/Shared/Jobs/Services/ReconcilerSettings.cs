namespace Brownian.Jobs.Services;

/// <summary>The timing of the reconciler.</summary>
public sealed record ReconcilerSettings
{
    /// <summary>The interval between rounds.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A message that was sent less than this time ago does not count as lost yet.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(5);
}
