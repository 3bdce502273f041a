using System.Collections.Concurrent;
using System.Threading.Channels;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.Events;

/// <summary>
/// Publishes the events that this process's job steps put into the outbox, in the background and after the step is committed, and removes them from
/// the outbox once the broker has confirmed them. No step waits for it. Events that it does not publish stay in the outbox, and the reconciler posts
/// them again.
/// </summary>
/// <param name="store">The store that has the outbox.</param>
/// <param name="bus">The bus that events are published to.</param>
/// <param name="telemetry">Counts published events.</param>
/// <param name="logger">Logs events that stay in the outbox.</param>
public sealed class EventPublisher(IJobStore store, IEventBus bus, PlatformTelemetry telemetry, ILogger<EventPublisher> logger) : BackgroundService
{
    /// <summary>The most events that wait in this process; further ones are left to the reconciler.</summary>
    private const int Max = 4096;

    /// <summary>The most events that are published concurrently.</summary>
    private const int Batch = 64;

    /// <summary>
    /// The least time that published events stay in the outbox, so that one write removes many: the store answers a write once it is on its disk, and
    /// the next submission would wait for that. Events that a process publishes in this time before it dies are published again.
    /// </summary>
    private static readonly TimeSpan BatchDelay = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a process that shuts down waits for events that are being published.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);

    private readonly Channel<(StoredJob Job, PendingEvent Event)> _posted =
        Channel.CreateBounded<(StoredJob, PendingEvent)>(new BoundedChannelOptions(Max) { SingleReader = true });

    private readonly Channel<PendingEvent> _published = Channel.CreateUnbounded<PendingEvent>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentDictionary<PendingEvent, bool> _held = [];
    private IDisposable? _registration;

    /// <inheritdoc/>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _registration = store.OnPosted((job, kinds) =>
        {
            foreach (IntegrationEventKind kind in kinds)
            {
                Post(job, kind);
            }
        });
        return base.StartAsync(cancellationToken);
    }

    /// <summary>Queues an event that is in the outbox for publishing, unless it is queued already. Never waits.</summary>
    /// <param name="job">The job after the step, or in a later state.</param>
    /// <param name="kind">Which event.</param>
    public void Post(StoredJob job, IntegrationEventKind kind)
    {
        var pending = new PendingEvent(job.Definition.Id, kind);
        if (_held.TryAdd(pending, true) && !_posted.Writer.TryWrite((job, pending)))
        {
            _held.TryRemove(pending, out _);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _registration?.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var limit = new CancellationTokenSource();
        using CancellationTokenRegistration stopping = stoppingToken.Register(() => limit.CancelAfter(StopLimit));
        Task removing = RemoveAsync(limit.Token, stoppingToken);
        var batch = new List<(StoredJob Job, PendingEvent Event)>(Batch);
        try
        {
            while (await _posted.Reader.WaitToReadAsync(stoppingToken).ConfigureAwait(false))
            {
                while (batch.Count < Batch && _posted.Reader.TryRead(out (StoredJob, PendingEvent) next))
                {
                    batch.Add(next);
                }
                await PublishAsync(batch, limit.Token).ConfigureAwait(false);
                batch.Clear();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is left stays in the outbox.
        }
        finally
        {
            _published.Writer.Complete();
            await removing.ConfigureAwait(false);
        }
    }

    private async Task PublishAsync(List<(StoredJob Job, PendingEvent Event)> batch, CancellationToken cancellationToken)
    {
        FaultPoint.Reach("before event");
        string?[] faults = await Task.WhenAll(batch.Select(posted => TryPublishAsync(posted.Job, posted.Event.Kind, cancellationToken)))
            .ConfigureAwait(false);
        FaultPoint.Reach("after event");
        int left = 0;
        for (int i = 0; i < faults.Length; i++)
        {
            if (faults[i] is null)
            {
                _published.Writer.TryWrite(batch[i].Event);
            }
            else
            {
                left++;
                _held.TryRemove(batch[i].Event, out _);
            }
        }
        if (left > 0)
        {
            PlatformLog.EventsPending(logger, left, faults.First(fault => fault is not null)!);
        }
    }

    /// <summary>Removes published events from the outbox.</summary>
    private async Task RemoveAsync(CancellationToken cancellationToken, CancellationToken stoppingToken)
    {
        var published = new List<PendingEvent>();
        while (await _published.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            await Task.Delay(BatchDelay, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (published.Count < Max && _published.Reader.TryRead(out PendingEvent? next))
            {
                published.Add(next);
            }
            try
            {
                await store.RemovePendingEventsAsync(published, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // They are published once more; consumers recognize repetitions by the id.
                string reason = exception is PlatformUnavailableException unavailable ? unavailable.Details : exception.Message;
                PlatformLog.Unavailable(logger, "the store", reason);
            }
            foreach (PendingEvent pending in published)
            {
                _held.TryRemove(pending, out _);
            }
            published.Clear();
        }
    }

    /// <summary>Publishes an event.</summary>
    /// <returns>Null when the broker has confirmed it; otherwise the reason why not.</returns>
    private async Task<string?> TryPublishAsync(StoredJob job, IntegrationEventKind kind, CancellationToken cancellationToken)
    {
        try
        {
            await bus.PublishAsync(job, kind, cancellationToken).ConfigureAwait(false);
            telemetry.EventPublished(kind);
            return null;
        }
        catch (PlatformUnavailableException exception)
        {
            return exception.Details;
        }
        catch (Exception exception)
        {
            // An event that cannot be created must not block the others or end the process.
            return exception.Message;
        }
    }
}
