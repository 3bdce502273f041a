namespace Brownian.Jobs.Queues;

/// <summary>The names of priority classes in requests, settings, queues and metrics.</summary>
public static class JobPriorityNames
{
    /// <summary>The classes by their names, from the highest to the lowest.</summary>
    public static IReadOnlyDictionary<string, JobPriority> All { get; } =
        Enum.GetValues<JobPriority>().ToDictionary(priority => priority.ToName(), StringComparer.Ordinal);

    /// <summary>All names, for messages: interactive, standard, batch.</summary>
    public static string Allowed { get; } = string.Join(", ", All.Keys);

    /// <summary>Returns the name of a class.</summary>
    public static string ToName(this JobPriority priority) => priority.ToString().ToLowerInvariant();
}
