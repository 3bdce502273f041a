namespace Brownian.Workers;

/// <summary>The settings of a <see cref="WatchedFolder"/>.</summary>
/// <param name="Folder">The folder that contains model folders; null for none.</param>
/// <param name="Precision">See <see cref="Brownian.Models.Folders.ModelFolder.Open"/>.</param>
public sealed record WatchSettings(string? Folder, string? Precision)
{
    /// <summary>The time between two readings. A model is served from the second reading that finds it with the same files.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(2);
}
