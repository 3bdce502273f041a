using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Models.Plans;

namespace Brownian.Jobs.Telemetry;

/// <summary>The platform's traces and metrics. A job has one trace: every stage is a span below the client's call.</summary>
public sealed class PlatformTelemetry : IDisposable
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Brownian.Platform";

    /// <summary>Jobs are not admitted because too many wait, or because the store is nearly full.</summary>
    public const string LimitReason = "limit";

    /// <summary>Jobs are not admitted because a quota of their tenant would be exceeded.</summary>
    public const string QuotaReason = "quota";

    /// <summary>Jobs are not admitted because the store or the broker does not answer.</summary>
    public const string UnavailableReason = "unavailable";

    /// <summary>In seconds; the default buckets end below the durations of image generation.</summary>
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000],
    };

    private readonly ActivitySource _source = new(Name);
    private readonly Meter _meter;
    private readonly ConcurrentDictionary<string, bool> _begun = new(StringComparer.Ordinal);
    private readonly Counter<long> _accepted;
    private readonly Counter<long> _ended;
    private readonly Histogram<double> _jobTime;
    private readonly Histogram<double> _queueTime;
    private readonly Histogram<double> _serviceTime;
    private readonly Histogram<double> _stepTime;
    private readonly Histogram<long> _batchSize;
    private readonly Counter<long> _embeddings;
    private readonly Counter<long> _deaths;
    private readonly Counter<long> _resent;
    private readonly Counter<long> _events;
    private readonly Counter<long> _callbacks;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _calls;
    private readonly Counter<long> _images;

    /// <param name="meters">Creates meters.</param>
    public PlatformTelemetry(IMeterFactory meters)
    {
        _meter = meters.Create(Name);
        _accepted = _meter.CreateCounter<long>("brownian.jobs.accepted", "{job}", "Jobs that were accepted");
        _ended = _meter.CreateCounter<long>("brownian.jobs.ended", "{job}", "Jobs that ended, by outcome");
        _jobTime = _meter.CreateHistogram("brownian.job.duration", "s", "Time from the submission of a job to its end", null, Seconds);
        _queueTime = _meter.CreateHistogram("brownian.stage.queue.duration", "s", "Time that a stage waited for a worker", null, Seconds);
        _serviceTime = _meter.CreateHistogram("brownian.stage.service.duration", "s", "Time that a worker worked on a stage", null, Seconds);
        _stepTime = _meter.CreateHistogram(
            "brownian.step.duration", "s", "Time of one evaluation of a denoiser, with the step of the scheduler", null, Seconds);
        _batchSize = _meter.CreateHistogram(
            "brownian.step.batch.size", "{task}", "Tasks that shared an evaluation", null,
            new InstrumentAdvice<long> { HistogramBucketBoundaries = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64] });
        _embeddings =
            _meter.CreateCounter<long>("brownian.embeddings", "{embedding}", "Embeddings, by source: the cache or a text encoder");
        _deaths = _meter.CreateCounter<long>("brownian.stage.deaths", "{death}", "Leases that expired");
        _resent = _meter.CreateCounter<long>("brownian.stage.resent", "{message}", "Messages that were sent again because they were lost");
        _events = _meter.CreateCounter<long>("brownian.events.published", "{event}", "Integration events that the broker confirmed");
        _callbacks = _meter.CreateCounter<long>("brownian.callbacks", "{attempt}", "Attempts of callbacks, by outcome");
        _refused = _meter.CreateCounter<long>("brownian.jobs.refused", "{job}", "Valid jobs that were not admitted, by reason");
        _calls = _meter.CreateCounter<long>("brownian.calls.refused", "{call}", "Calls whose caller was not admitted");
        _images = _meter.CreateCounter<long>("brownian.images", "{image}", "Finished images");
        _meter.CreateObservableGauge("brownian.stage.count", () => Stages(load => load.Count), "{stage}", "Stages that wait or run");
        _meter.CreateObservableGauge("brownian.stage.work", () => Stages(load => load.Seconds), "s", "Work that is left of stages that wait or run");
        _meter.CreateObservableGauge("brownian.worker.count", CountWorkers, "{worker}", "Workers, by state");
        _meter.CreateObservableGauge(
            "brownian.model.workers", ModelWorkers, "{worker}", "Ready workers that serve a model, and 0 for one of which stages wait");
        _meter.CreateObservableGauge(
            "brownian.worker.slots", () => Slots(worker => worker.Slots), "{slot}", "Stages that ready workers can run at once");
        _meter.CreateObservableGauge("brownian.worker.busy", () => Slots(worker => worker.Busy), "{slot}", "Stages that workers run");
        _meter.CreateObservableGauge(
            "brownian.worker.load.duration", LoadTimes, "s", "Time that workers took to load and run their models once, the longest of a role");
        _meter.CreateObservableGauge(
            "brownian.store.fill", () => Load is { } load ? [new Measurement<double>(load.Fill)] : (Measurement<double>[])[], "1",
            "Used share of the job store");
        _meter.CreateObservableGauge("brownian.engine.memory", () => Memory(device => device.Loaded), "By", "Size of the loaded graphs of a device");
        _meter.CreateObservableGauge("brownian.engine.memory.limit", () => Memory(device => device.Limit), "By", "Limit on it");
        _meter.CreateObservableGauge(
            "brownian.certificate.expiry",
            () => CertificateExpiry?.Invoke() is { } expiry ? [new Measurement<long>(expiry.ToUnixTimeSeconds())] : (Measurement<long>[])[], "s",
            "When the certificate of the process expires, in seconds since 1970");
        // OpenTelemetry, semantic conventions for hardware.
        _meter.CreateObservableUpDownCounter("hw.gpu.memory.usage", () => Gpus(device => device.Used), "By", "Used memory of a GPU");
        _meter.CreateObservableUpDownCounter("hw.gpu.memory.limit", () => Gpus(device => device.Total), "By", "Memory of a GPU");
    }

    /// <summary>
    /// Begins the counts of what should not happen at 0. Otherwise the first one would be the beginning of its series, and not an increase.
    /// </summary>
    public void BeginCounts()
    {
        foreach (string kind in StageKind.All)
        {
            _deaths.Add(0, Kind(kind));
            _resent.Add(0, Kind(kind));
        }
        foreach (string reason in (string[])[LimitReason, QuotaReason, UnavailableReason])
        {
            _refused.Add(0, Reason(reason));
        }
    }

    /// <summary>The load that a gateway reports; null while it is unknown, and in other processes.</summary>
    public LoadSnapshot? Load { get; set; }

    /// <summary>Returns the memory of each device of this process; null in processes without workers.</summary>
    public Func<IReadOnlyList<DeviceMemory>>? Devices { get; set; }

    /// <summary>Returns when the certificate of this process expires; null in processes without one.</summary>
    public Func<DateTimeOffset?>? CertificateExpiry { get; set; }

    /// <summary>Counts a job that was not admitted.</summary>
    /// <param name="reason"><see cref="LimitReason"/>, <see cref="QuotaReason"/> or <see cref="UnavailableReason"/>.</param>
    public void JobRefused(string reason) => _refused.Add(1, Reason(reason));

    /// <summary>Counts a call whose caller was not admitted.</summary>
    /// <param name="code">The gRPC status of the refusal.</param>
    public void CallRefused(string code) => _calls.Add(1, Reason(code));

    /// <summary>Counts a finished image.</summary>
    public void ImageFinished(string model) => _images.Add(1, Model(model));

    /// <summary>Starts a stage's span, in the job's trace.</summary>
    public Activity? StartStage(StoredJob job, StageMessage message, string worker)
    {
        ActivityContext.TryParse(message.TraceParent ?? job.Definition.TraceParent, null, isRemote: true, out ActivityContext parent);
        Activity? activity = _source.StartActivity($"stage {job.CurrentStage!.Kind}", ActivityKind.Consumer, parent);
        activity?.SetTag("brownian.job.id", job.Definition.Id);
        activity?.SetTag("brownian.stage", job.CurrentStage.Name);
        activity?.SetTag("brownian.worker", worker);
        activity?.SetTag("gen_ai.request.model", job.CurrentStage.Model);
        return activity;
    }

    /// <summary>Starts a span within a call.</summary>
    public Activity? Start(string name, ActivityKind kind = ActivityKind.Internal) => _source.StartActivity(name, kind);

    /// <summary>Counts an accepted job.</summary>
    public void JobAccepted(StoredJob job)
    {
        BeginCounts(job.Definition.Model);
        _accepted.Add(1, Model(job.Definition.Model));
    }

    /// <summary>
    /// Counts an ended job and records its duration, within a span of the job's trace: whatever ended the job, the trace shows when and how, and the
    /// exemplar of the duration names the trace.
    /// </summary>
    public void JobEnded(StoredJob job)
    {
        KeyValuePair<string, object?> how = State(job.Record.Phase);
        ActivityContext.TryParse(job.Definition.TraceParent, null, isRemote: true, out ActivityContext parent);
        using Activity? activity = _source.StartActivity("job end", ActivityKind.Internal, parent);
        activity?.SetTag("brownian.job.id", job.Definition.Id);
        activity?.SetTag(how.Key, how.Value);
        _ended.Add(1, Model(job.Definition.Model), how);
        if (job.Record.Ended is { } ended)
        {
            _jobTime.Record((ended - job.Definition.Created).TotalSeconds, Model(job.Definition.Model), how);
        }
    }

    /// <summary>Records the queue time of a stage.</summary>
    public void StageTaken(StoredJob job, TimeSpan waited)
    {
        BeginCounts(job.Definition.Model);
        _queueTime.Record(waited.TotalSeconds, Stage(job), Model(job.CurrentStage!.Model));
    }

    /// <summary>Records the service time of a stage.</summary>
    public void StageDone(string kind, string? model, TimeSpan time) =>
        _serviceTime.Record(time.TotalSeconds, Kind(kind), Model(model));

    /// <summary>Records the duration of an evaluation and its batch size.</summary>
    public void StepDone(string? model, TimeSpan time, int tasks)
    {
        _stepTime.Record(time.TotalSeconds, Model(model));
        _batchSize.Record(tasks, Model(model));
    }

    /// <summary>Counts an embedding by its source.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="cached">Whether it came from the cache.</param>
    public void Embedded(string model, bool cached) =>
        _embeddings.Add(1, Model(model), new KeyValuePair<string, object?>("brownian.embedding.source", cached ? "cache" : "encoder"));

    /// <summary>Counts a lease that expired.</summary>
    public void LeaseExpired(StoredJob job) => _deaths.Add(1, Stage(job));

    /// <summary>Counts a message that was sent again.</summary>
    public void Resent(StoredJob job) => _resent.Add(1, Stage(job));

    /// <summary>Counts a published integration event.</summary>
    public void EventPublished(IntegrationEventKind kind) =>
        _events.Add(1, new KeyValuePair<string, object?>("brownian.event", PendingEvent.Name(kind)));

    /// <summary>Counts an attempt of a callback.</summary>
    /// <param name="outcome">delivered, retried or failed.</param>
    public void CallbackAttempted(string outcome) => _callbacks.Add(1, new KeyValuePair<string, object?>("brownian.callback.outcome", outcome));

    /// <inheritdoc/>
    public void Dispose()
    {
        _source.Dispose();
        _meter.Dispose();
    }

    /// <summary>Begins the counts of ended jobs at 0 for the same reason, when the first job of a model is accepted or worked on here.</summary>
    private void BeginCounts(string model)
    {
        if (!_begun.TryAdd(model, true))
        {
            return;
        }
        foreach (JobPhase phase in (JobPhase[])[JobPhase.Done, JobPhase.Failed, JobPhase.Cancelled])
        {
            _ended.Add(0, Model(model), State(phase));
        }
    }

    private IEnumerable<Measurement<T>> Stages<T>(Func<LoadSnapshot.StageLoad, T> value)
        where T : struct => (Load?.Stages ?? []).Select(stages => new Measurement<T>(
            value(stages), Role(stages.Role), Model(stages.Model), new("brownian.job.priority", stages.Priority.ToName()),
            new("brownian.stage.state", stages.IsRunning ? "running" : "waiting")));

    /// <summary>Counts workers, also the states of a role in which none is: an alert compares their numbers with 0.</summary>
    private IEnumerable<Measurement<long>> CountWorkers() => Load is not { } load
        ? []
        : from role in WorkerRole.All
          from state in Enum.GetValues<WorkerState>()
          select new Measurement<long>(
              load.Workers.Count(worker => worker.Role == role.Name && worker.State == state), Role(role.Name),
              new("brownian.worker.state", state.ToString().ToLowerInvariant()));

    /// <summary>
    /// Counts the ready workers of each model that is served or has stages. Stages without a model run on any worker of their role.
    /// </summary>
    private IEnumerable<Measurement<long>> ModelWorkers() => Load is not { } load
        ? []
        : load.Stages.Select(stages => (stages.Role, stages.Model)).Distinct().Select(pair => new Measurement<long>(
            load.Workers.Count(
                worker => worker.Role == pair.Role && worker.State == WorkerState.Ready
                    && (pair.Model.Length == 0 || worker.Models.ContainsKey(pair.Model))),
            Role(pair.Role), Model(pair.Model)));

    private IEnumerable<Measurement<long>> Slots(Func<WorkerCard, int> value) => Load is not { } load
        ? []
        : WorkerRole.All.Select(role => new Measurement<long>(
            load.Workers.Where(worker => worker.Role == role.Name && worker.State == WorkerState.Ready).Sum(value), Role(role.Name)));

    private IEnumerable<Measurement<double>> LoadTimes() => (Load?.Workers ?? [])
        .Where(worker => worker.LoadSeconds is not null)
        .GroupBy(worker => worker.Role)
        .Select(workers => new Measurement<double>(workers.Max(worker => worker.LoadSeconds!.Value), Role(workers.Key)));

    private IEnumerable<Measurement<long>> Memory(Func<DeviceMemory, long> value) => (Devices?.Invoke() ?? [])
        .Select(device => new Measurement<long>(value(device), new KeyValuePair<string, object?>("brownian.device", device.Device)));

    private IEnumerable<Measurement<long>> Gpus(Func<DeviceMemory, long?> value) =>
        from device in Devices?.Invoke() ?? []
        where value(device) is not null
        select new Measurement<long>(value(device)!.Value, new("hw.id", device.Device), new("hw.type", "gpu"));

    private static KeyValuePair<string, object?> State(JobPhase phase) => new("brownian.job.state", phase.ToString().ToLowerInvariant());

    private static KeyValuePair<string, object?> Role(string role) => new("brownian.worker.role", role);

    private static KeyValuePair<string, object?> Model(string? model) => new("gen_ai.request.model", model ?? "");

    private static KeyValuePair<string, object?> Stage(StoredJob job) => Kind(job.CurrentStage?.Kind ?? "");

    private static KeyValuePair<string, object?> Kind(string kind) => new("brownian.stage.kind", kind);

    private static KeyValuePair<string, object?> Reason(string reason) => new("brownian.refusal.reason", reason);
}
