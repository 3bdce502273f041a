using System.Diagnostics;
using Brownian.Jobs.Queues;

namespace Brownian.Jobs.Records;

/// <summary>Creates the queue messages of jobs.</summary>
internal static class StageMessages
{
    /// <summary>Creates the message for a job's current stage.</summary>
    public static StageMessage For(StoredJob job) => new()
    {
        Job = job.Definition.Id,
        Stage = job.CurrentStage!.Name,
        Attempt = job.Record.Fence,
        TraceParent = Activity.Current?.Id ?? job.Definition.TraceParent,
    };
}
