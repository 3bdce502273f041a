using System.Diagnostics;
using Brownian.Jobs.Queues;

namespace Brownian.Jobs.Records;

/// <summary>Messages of jobs.</summary>
internal static class StageMessages
{
    /// <summary>That a job's current stage waits.</summary>
    public static StageMessage For(StoredJob job) => new()
    {
        Job = job.Definition.Id,
        Stage = job.CurrentStage!.Name,
        Attempt = job.Record.Fence,
        TraceParent = Activity.Current?.Id ?? job.Definition.TraceParent,
    };
}
