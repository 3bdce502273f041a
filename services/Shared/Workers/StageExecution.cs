using System.Collections.Frozen;
using System.Diagnostics;
using Brownian.Formats.Files;
using Brownian.Hosting;
using Brownian.Jobs;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>Runs one stage under its lease, and stores its outcome.</summary>
/// <param name="identity">The worker's identity.</param>
/// <param name="lifecycle">The worker's state.</param>
/// <param name="contexts">Creates the contexts of runs.</param>
/// <param name="runners">The runners of the worker's role, by kind.</param>
/// <param name="room">Limits concurrent stages.</param>
/// <param name="policy">The time and retry limits.</param>
/// <param name="telemetry">Records the stage's span and durations.</param>
/// <param name="times">Collects the times of units.</param>
/// <param name="paths">Removes folders from messages for clients.</param>
/// <param name="logger">The logger.</param>
internal sealed class StageExecution(
    WorkerIdentity identity, WorkerLifecycle lifecycle, JobContexts contexts, FrozenDictionary<string, IStageRunner> runners, SlotRoom room,
    JobPolicy policy, PlatformTelemetry telemetry, StageTimes times, ServerPaths paths, ILogger<StageWorker> logger)
{
    private static readonly TimeSpan LastWriteTime = TimeSpan.FromSeconds(5);

    /// <summary>Runs a stage.</summary>
    /// <param name="taken">The job, under a lease of this worker.</param>
    /// <param name="waiting">The job before it was taken.</param>
    /// <param name="message">The message that was received.</param>
    /// <returns>The job after the stage; null when this worker no longer holds the lease.</returns>
    public async Task<StoredJob?> RunAsync(StoredJob taken, StoredJob waiting, StageMessage message)
    {
        string id = taken.Definition.Id, stage = taken.CurrentStage!.Name;
        using IDisposable? scope = logger.BeginScope(new Dictionary<string, object> { ["Job"] = id, ["Stage"] = stage });
        using Activity? activity = telemetry.StartStage(taken, message, identity.Id);
        PlatformLog.StageTaken(logger, id, stage, taken.Record.Fence);
        telemetry.StageTaken(taken, contexts.Now - (waiting.Record.WaitsSince ?? contexts.Now));
        JobContext context = contexts.Open(taken);
        await using (context.ConfigureAwait(false))
        {
            // The lease is renewed while the stage waits for a slot.
            IDisposable? held = null;
            try
            {
                held = await room.EnterAsync(alone: taken.Record.Deaths >= policy.AloneAfterDeaths, context.Over).ConfigureAwait(false);
                return await RunAsync(context, taken).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                return await EndAsync(context, taken, exception, activity).ConfigureAwait(false);
            }
            finally
            {
                held?.Dispose();
            }
        }
    }

    /// <summary>Returns the status code of a job whose stage threw.</summary>
    private static StatusCode CodeOf(Exception exception) => exception switch
    {
        // Tensors of another shape or type than the stage takes, which a request may contain.
        FieldFaultException or InvalidDataException => StatusCode.InvalidArgument,
        ModelException => StatusCode.FailedPrecondition,
        DenoiseException => StatusCode.OutOfRange,
        _ => StatusCode.Internal,
    };

    /// <summary>Applies the last step under a lease, even while the worker stops.</summary>
    private static async Task<StoredJob?> FinishAsync(JobContext context, Func<StoredJob, DateTimeOffset, JobChange?> rule)
    {
        try
        {
            using var deadline = new CancellationTokenSource(LastWriteTime);
            return await context.WriteAsync(rule, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The lease is lost, or expires.
            return null;
        }
    }

    private async Task<StoredJob> RunAsync(JobContext context, StoredJob taken)
    {
        long started = Stopwatch.GetTimestamp();
        await context.LoadCheckpointAsync().ConfigureAwait(false);
        var measured = new MeasuredContext(context, telemetry, taken.Definition.Model);
        await runners[taken.CurrentStage!.Kind].RunAsync(measured, context.Over).ConfigureAwait(false);
        await context.SavedAsync().ConfigureAwait(false);
        FaultPoint.Reach("before complete");
        TimeSpan time = Stopwatch.GetElapsedTime(started);
        StoredJob done = await context.CompleteAsync(time).ConfigureAwait(false);
        FaultPoint.Reach("after complete");
        telemetry.StageDone(taken.CurrentStage.Kind, taken.CurrentStage.Model, time);
        AddTime(taken, measured.Steps, time);
        PlatformLog.StageDone(logger, taken.Definition.Id, taken.CurrentStage.Name, time.TotalMilliseconds);
        return done;
    }

    /// <summary>
    /// Adds the time of a unit: the median of a denoiser's evaluations, or the share of a stage that this worker ran from its start.
    /// </summary>
    private void AddTime(StoredJob taken, IReadOnlyList<double> steps, TimeSpan time)
    {
        PlanStage stage = taken.CurrentStage!;
        if (taken.WorkOf(taken.Record.Stage) is not { } work)
        {
            return;
        }
        double? seconds = stage.Kind == StageKind.Denoise
            ? steps.Count > 0 ? StageCosts.Median(steps) : null
            : taken.Record.Outputs.Keys.Any(output => output.StartsWith(stage.Name + ".", StringComparison.Ordinal)) ? null
            : time.TotalSeconds / work.Units;
        if (seconds is { } known)
        {
            times.Add(new CostSample(work.ShapeOf(stage), identity.Provider, known));
        }
    }

    /// <summary>Stores that a stage did not complete: lost, handed back, given up, rewound, or failed.</summary>
    private async Task<StoredJob?> EndAsync(JobContext context, StoredJob taken, Exception exception, Activity? activity)
    {
        string id = taken.Definition.Id, stage = taken.CurrentStage!.Name;
        long fence = taken.Record.Fence;
        switch (exception)
        {
            case OperationCanceledException when context.IsLost:
                PlatformLog.LeaseLost(logger, id, stage);
                return null;
            case StageReturnedException:
                return await ReturnStageAsync(context, taken, "its worker is draining").ConfigureAwait(false);
            case OperationCanceledException when lifecycle.Working.IsCancellationRequested:
                return await ReturnStageAsync(context, taken, "its worker stopped").ConfigureAwait(false);
            case OperationCanceledException:
                // No stop was requested: the stage cancelled itself, and may do so every time.
                PlatformLog.StageCrashed(logger, id, stage, exception);
                return await FinishAsync(
                    context, (job, now) => JobRules.Abandon(job, fence, "the stage was cancelled without a request to cancel the job", now, policy))
                    .ConfigureAwait(false);
            case StageInputMissingException missing:
                PlatformLog.BlobDamaged(logger, id, missing.MissingSource);
                return await FinishAsync(context, (job, now) => JobRules.Rewind(job, fence, missing.MissingSource, now, policy))
                    .ConfigureAwait(false);
        }
        StatusCode code = CodeOf(exception);
        if (code == StatusCode.Internal)
        {
            PlatformLog.StageCrashed(logger, id, stage, exception);
        }
        else
        {
            PlatformLog.JobFailed(logger, id, stage, exception.Message);
        }
        activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
        string reason = code == StatusCode.Internal
            ? $"stage {stage} failed unexpectedly; see the log of its worker"
            : paths.Hide(exception.Message);
        return await FinishAsync(context, (job, now) => JobRules.Fail(job, fence, code, reason, now, policy)).ConfigureAwait(false);
    }

    private async Task<StoredJob?> ReturnStageAsync(JobContext context, StoredJob taken, string reason)
    {
        try
        {
            await context.SavedAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The previous checkpoint stays valid.
        }
        PlatformLog.StageReturned(logger, taken.Definition.Id, taken.CurrentStage!.Name, reason);
        return await FinishAsync(context, (job, now) => JobRules.ReturnStage(job, taken.Record.Fence, reason, now)).ConfigureAwait(false);
    }
}
