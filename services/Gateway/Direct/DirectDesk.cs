using System.Collections.Frozen;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Brownian.Inference.Plans;
using Brownian.Inference.Stages;
using Brownian.Platform.Artifacts;
using Brownian.Platform.Jobs;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Direct;

/// <summary>
/// Does a request while its caller waits: the same stages by the same runners, on engines of this process or behind gRPC, without a queue
/// and without a job. The call's cancellation and deadline reach the graph that runs.
/// </summary>
/// <param name="runners">Do the stages.</param>
/// <param name="desk">Keeps the pictures.</param>
/// <param name="artifacts">Where the pictures that requests name are.</param>
public sealed class DirectDesk(IEnumerable<IStageRunner> runners, JobDesk desk, IArtifactStore artifacts)
{
    /// <summary>Their tensors are in memory: so many at once.</summary>
    private const int MostCalls = 64;

    private readonly FrozenDictionary<string, IStageRunner> _runners = runners.ToFrozenDictionary(runner => runner.Kind);
    private int _running;

    /// <summary>Runs a plan and tells its events; the pictures can be got by their ids afterwards.</summary>
    public async IAsyncEnumerable<JobEvent> GenerateAsync(JobDefinition definition, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var events = Channel.CreateUnbounded<JobEvent>(new UnboundedChannelOptions { SingleReader = true });
        if (Interlocked.Increment(ref _running) > MostCalls)
        {
            Interlocked.Decrement(ref _running);
            throw new AdmissionException($"{MostCalls} direct calls run already; submit a job instead");
        }
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (definition.Deadline is { } deadline)
        {
            TimeSpan left = deadline - desk.Now;
            // A timer takes no more than 49 days; nobody waits that long for an answer.
            over.CancelAfter(TimeSpan.FromSeconds(Math.Clamp(left.TotalSeconds, 0, TimeSpan.FromDays(1).TotalSeconds)));
        }
        long last = 0;
        Tell(new JobEvent { Accepted = new Accepted() });
        Task running = RunAsync(definition, Tell, over.Token);
        _ = running.ContinueWith(done => events.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            await foreach (JobEvent told in events.Reader.ReadAllAsync(cancellationToken))
            {
                yield return told;
            }
            await running;
        }
        finally
        {
            await over.CancelAsync();
            Interlocked.Decrement(ref _running);
        }

        void Tell(JobEvent told)
        {
            told.Id = Interlocked.Increment(ref last);
            told.JobId = definition.Id;
            told.Time = Timestamp.FromDateTimeOffset(desk.Now);
            events.Writer.TryWrite(told);
        }
    }

    private async Task RunAsync(JobDefinition definition, Action<JobEvent> tell, CancellationToken cancellationToken)
    {
        var outputs = new Dictionary<string, List<StageValue>>(StringComparer.Ordinal);
        foreach (PlanStage stage in definition.Plan.Stages)
        {
            long started = Stopwatch.GetTimestamp();
            tell(new JobEvent { StageStarted = new StageStarted { Stage = stage.Name, Worker = "direct", Attempt = 1, QueueTime = Duration.FromTimeSpan(TimeSpan.Zero) } });
            await _runners[stage.Kind].RunAsync(new DirectContext(definition.Id, stage, outputs, desk, artifacts, tell), cancellationToken);
            tell(new JobEvent { StageCompleted = new StageCompleted { Stage = stage.Name, ServiceTime = Duration.FromTimeSpan(Stopwatch.GetElapsedTime(started)) } });
        }
        tell(new JobEvent { Done = new Done { TotalTime = Duration.FromTimeSpan(desk.Now - definition.Created) } });
    }
}
