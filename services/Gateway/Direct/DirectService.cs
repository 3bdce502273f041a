using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Brownian.Gateway.Requests;
using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Direct;

/// <summary>
/// Runs a request while its caller waits: the same stages as a job, in this process or at workers, without a queue and without a job. The call's
/// cancellation and deadline reach the running graph.
/// </summary>
/// <param name="stages">Runs the stages.</param>
/// <param name="jobs">Stores the images, and counts the calls for the quotas of tenants.</param>
/// <param name="audit">The audit log.</param>
/// <param name="clock">The time at which leases are renewed.</param>
/// <param name="logger">Logs calls whose end could not be counted.</param>
public sealed partial class DirectService(
    IDirectStages stages, JobService jobs, IAuditLog audit, TimeProvider clock, ILogger<DirectService> logger)
{
    /// <summary>How long a call counts as running after its gateway has died.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>The time limit for counting the end of a call.</summary>
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(2);

    /// <summary>The largest number of concurrent calls, because their tensors are in memory.</summary>
    private const int MaxCalls = 64;

    private int _running;

    /// <summary>Runs a plan and streams its events; the images can be downloaded by their ids afterwards.</summary>
    /// <param name="definition">The plan.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="entry">What the audit log gets when the call is admitted; null for nothing.</param>
    /// <param name="files">The files that the plan's stages read; they stay in memory for the duration of the call.</param>
    /// <param name="cancellationToken">The call's token.</param>
    public async IAsyncEnumerable<JobEvent> GenerateAsync(
        JobDefinition definition, Caller caller, AuditEntry? entry, RequestFiles files, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await jobs.RequireRoomAsync(cancellationToken);
        var events = Channel.CreateUnbounded<JobEvent>(new UnboundedChannelOptions { SingleReader = true });
        if (Interlocked.Increment(ref _running) > MaxCalls)
        {
            Interlocked.Decrement(ref _running);
            throw new AdmissionException($"{MaxCalls} direct calls run already; submit a job instead");
        }
        var direct = new DirectCall(definition.Id, definition.TenantName, definition.PixelSteps);
        long day;
        try
        {
            day = await AdmitAsync(direct, caller.Quotas, entry, cancellationToken);
        }
        catch
        {
            Interlocked.Decrement(ref _running);
            throw;
        }
        var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (definition.Deadline is { } deadline)
        {
            TimeSpan left = deadline - jobs.Now;
            // A timer takes at most 49 days; a day is longer than any call.
            over.CancelAfter(TimeSpan.FromSeconds(Math.Clamp(left.TotalSeconds, 0, TimeSpan.FromDays(1).TotalSeconds)));
        }
        long last = 0;
        Report(new JobEvent { Accepted = new Accepted() });
        foreach (string warning in definition.Warnings)
        {
            Report(new JobEvent { Warning = new Warning { Message = warning } });
        }
        Task running = RunWithLimitAsync();
        try
        {
            await foreach (JobEvent update in events.Reader.ReadAllAsync(cancellationToken))
            {
                yield return update;
            }
            await running;
        }
        finally
        {
            await over.CancelAsync();
            _ = DisposeAfterAsync(running, over);
        }

        async Task RunWithLimitAsync()
        {
            UsageOutcome outcome = UsageOutcome.Failed;
            var progress = new DirectProgress(definition);
            ITimer renewal = clock.CreateTimer(_ => _ = RenewAsync(direct), null, Lease / 3, Lease / 3);
            try
            {
                await RunAsync(
                    definition,
                    caller,
                    files,
                    update =>
                    {
                        progress.Add(update);
                        Report(update);
                    },
                    over.Token);
                outcome = UsageOutcome.Done;
            }
            catch (OperationCanceledException)
            {
                outcome = UsageOutcome.Cancelled;
                throw;
            }
            finally
            {
                await renewal.DisposeAsync();
                await EndAsync(direct, day, outcome, progress.Images, outcome == UsageOutcome.Done ? 0 : progress.Unspent);
                // Counted until the run ends: a run may continue for a while after its caller has left, and keeps its tensors in memory meanwhile.
                Interlocked.Decrement(ref _running);
                events.Writer.TryComplete();
            }
        }

        static async Task DisposeAfterAsync(Task running, CancellationTokenSource over)
        {
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            over.Dispose();
        }

        void Report(JobEvent update)
        {
            update.Id = Interlocked.Increment(ref last);
            update.JobId = definition.Id;
            update.Time = Timestamp.FromDateTimeOffset(jobs.Now);
            events.Writer.TryWrite(update);
        }
    }

    /// <summary>Admits a call, and writes the entry about it before it begins. Without the entry it does not begin.</summary>
    private async Task<long> AdmitAsync(DirectCall direct, TenantQuotas quotas, AuditEntry? entry, CancellationToken cancellationToken)
    {
        long day = await jobs.AdmitDirectAsync(direct, quotas, Lease, cancellationToken);
        try
        {
            await (entry is null ? Task.CompletedTask : audit.AppendAsync(entry, cancellationToken));
            return day;
        }
        catch
        {
            await EndAsync(direct, day, UsageOutcome.Abandoned, 0, direct.PixelSteps);
            throw;
        }
    }

    private async Task RenewAsync(DirectCall direct)
    {
        try
        {
            await jobs.RenewDirectAsync(direct, Lease, CancellationToken.None);
        }
        catch (PlatformUnavailableException exception)
        {
            NotCounted(logger, direct.Id, exception.Details);
        }
    }

    private async Task EndAsync(DirectCall direct, long day, UsageOutcome outcome, int images, long unspent)
    {
        using var deadline = new CancellationTokenSource(EndTime);
        try
        {
            await jobs.EndDirectAsync(direct, day, outcome, images, unspent, deadline.Token);
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            NotCounted(logger, direct.Id, (exception as PlatformUnavailableException)?.Details ?? exception.Message);
        }
    }

    [LoggerMessage(EventId = 103, EventName = "DirectNotCounted", Level = LogLevel.Warning,
        Message = "Direct call {Call}: its lease or its end could not be counted for its tenant: {Details}")]
    private static partial void NotCounted(ILogger logger, string call, string details);

    private async Task RunAsync(
        JobDefinition definition, Caller caller, RequestFiles files, Action<JobEvent> report, CancellationToken cancellationToken)
    {
        var outputs = new Dictionary<string, List<StageValue>>(StringComparer.Ordinal);
        foreach ((int i, PlanStage stage) in definition.Plan.Stages.Index())
        {
            long started = Stopwatch.GetTimestamp();
            report(
                new JobEvent
                {
                    StageStarted =
                        new StageStarted { Stage = stage.Name, Worker = "direct", Attempt = 1, QueueTime = Duration.FromTimeSpan(TimeSpan.Zero) }
                });
            string? model = ModelOf(stage, definition.Plan.Stages.Take(i));
            await stages.RunAsync(new DirectContext(definition, caller, stage, model, outputs, files, jobs, report), cancellationToken);
            report(
                new JobEvent
                {
                    StageCompleted = new StageCompleted { Stage = stage.Name, ServiceTime = Duration.FromTimeSpan(Stopwatch.GetElapsedTime(started)) }
                });
        }
        report(new JobEvent { Done = new Done { TotalTime = Duration.FromTimeSpan(jobs.Now - definition.Created) } });
    }

    /// <summary>See <see cref="DirectContext.Model"/>.</summary>
    private static string? ModelOf(PlanStage stage, IEnumerable<PlanStage> before) =>
        stage.Model ?? before.LastOrDefault(earlier => earlier.Model is not null && WorkerRole.Of(earlier.Kind) == WorkerRole.Of(stage.Kind))?.Model;
}
