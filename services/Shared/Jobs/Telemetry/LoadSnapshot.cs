using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;

namespace Brownian.Jobs.Telemetry;

/// <summary>The load of the platform at a moment, as a gateway reports it. Every gateway reports the same.</summary>
/// <param name="Stages">The stages that wait or run.</param>
/// <param name="Workers">The workers.</param>
/// <param name="Fill">The used share of the job store, 0..1.</param>
public sealed record LoadSnapshot(IReadOnlyList<LoadSnapshot.StageLoad> Stages, IReadOnlyList<WorkerCard> Workers, double Fill)
{
    /// <summary>Stages of a role, model and class.</summary>
    /// <param name="Role">The role whose workers run them.</param>
    /// <param name="Model">The model; empty for stages that run none.</param>
    /// <param name="Priority">The class of their jobs.</param>
    /// <param name="IsRunning">Whether workers have taken them.</param>
    /// <param name="Count">The number of stages.</param>
    /// <param name="Seconds">The seconds of work that are left of them.</param>
    public sealed record StageLoad(string Role, string Model, JobPriority Priority, bool IsRunning, long Count, double Seconds);
}
