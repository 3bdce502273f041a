namespace Brownian.Jobs.Records;

/// <summary>Sums the work of stages that wait or run.</summary>
public interface IPendingWork
{
    /// <summary>Returns the work that is left of all current stages. Takes time in proportion to the jobs that have not ended.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken);
}
