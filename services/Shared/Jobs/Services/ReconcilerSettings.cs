namespace Brownian.Jobs.Services;

/// <summary>How often the reconciler looks.</summary>
public sealed record ReconcilerSettings
{
    /// <summary>How often it looks.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A message that was sent less than this ago is not missed yet.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(5);
}
