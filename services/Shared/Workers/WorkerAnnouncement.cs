using System.Diagnostics;
using Brownian.Formats.Files;
using Brownian.Inference.Engines;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>Publishes a worker to the catalogue: the models it serves, its state, and its heartbeat.</summary>
/// <param name="identity">The worker's identity.</param>
/// <param name="lifecycle">The worker's state.</param>
/// <param name="catalog">The catalogue that it is published to.</param>
/// <param name="store">The store, by whose clock the catalogue is read.</param>
/// <param name="engines">The models.</param>
/// <param name="times">The measured times of stages, which are published with the heartbeats.</param>
/// <param name="settings">The intervals and time limits.</param>
/// <param name="logger">Logs outages and conflicting files.</param>
internal sealed class WorkerAnnouncement(
    WorkerIdentity identity, WorkerLifecycle lifecycle, ICatalog catalog, IJobStore store, LocalEngines engines, StageTimes times,
    WorkerSettings settings, ILogger<StageWorker> logger) : IDisposable
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _publishing = new(1, 1);
    private readonly CancellationTokenSource _heartbeats = new();
    private AnnouncedModels _models = AnnouncedModels.None;

    /// <summary>Whether the worker's card is in the catalogue with the state ready.</summary>
    public bool IsAnnounced { get; private set; }

    /// <summary>
    /// Announces no models until <see cref="RequireSameFilesAsync"/>, because the worker would serve other files than it announced.
    /// </summary>
    public void Withdraw() => _models = AnnouncedModels.None;

    /// <summary>Waits until no worker serves other files under the names of these models: a worker with the old files may be about to end.</summary>
    /// <param name="fingerprints">The fingerprints by the models' names.</param>
    /// <param name="failing">The timestamp since which starting fails; 0 when it does not.</param>
    /// <exception cref="ModelException">A worker still serves other files after <see cref="WorkerSettings.StartTime"/>.</exception>
    public async Task RequireSameFilesAsync(Dictionary<string, string> fingerprints, long failing)
    {
        failing = failing == 0 ? Stopwatch.GetTimestamp() : failing;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        do
        {
            try
            {
                _models = new AnnouncedModels(fingerprints, []);
                await PublishCardAsync().ConfigureAwait(false);
                lifecycle.Problem = null;
                return;
            }
            catch (ModelException exception) when (Stopwatch.GetElapsedTime(failing) < settings.StartTime)
            {
                _models = AnnouncedModels.None;
                if (lifecycle.Problem is null)
                {
                    PlatformLog.WorkerCannotStart(logger, identity.Id, exception.Message, null);
                }
                lifecycle.Problem = exception.Message;
            }
        }
        while (await timer.WaitForNextTickAsync(lifecycle.Taking).ConfigureAwait(false));
    }

    /// <summary>Announces other models than before.</summary>
    /// <param name="fingerprints">The fingerprints of all models by their names.</param>
    /// <param name="watched">The names of those that are served because they are in the watched folder.</param>
    /// <returns>Whether they were announced; the models before stay announced while the catalogue cannot be reached.</returns>
    /// <exception cref="ModelException">Another worker serves other files under the same name. The models before stay announced.</exception>
    public Task<bool> ChangeAsync(Dictionary<string, string> fingerprints, IReadOnlyList<string> watched) =>
        PublishCardAsync(new AnnouncedModels(fingerprints, watched));

    /// <summary>Publishes the cards, signatures and cascades of models; only a denoiser does so, for all roles.</summary>
    /// <param name="models">The models' names.</param>
    public async Task PublishModelsAsync(IReadOnlyList<string> models)
    {
        if (!identity.Role.Kinds.Contains(StageKind.Denoise))
        {
            return;
        }
        foreach (string model in models)
        {
            if (await engines.SignatureAsync(model, lifecycle.Taking).ConfigureAwait(false) is { } signature)
            {
                await UntilWrittenAsync(token => catalog.PublishAsync(signature, token)).ConfigureAwait(false);
            }
            ModelCard card = await engines.DescribeAsync(model, lifecycle.Taking).ConfigureAwait(false);
            await UntilWrittenAsync(token => catalog.PublishAsync(card, token)).ConfigureAwait(false);
        }
        foreach (Cascade cascade in engines.Cascades)
        {
            await UntilWrittenAsync(token => catalog.PublishAsync(cascade.ToCard(), token)).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Publishes the worker's state. If another worker serves other files under the same name, this one stops taking stages and restarts.
    /// </summary>
    public async Task PublishAsync()
    {
        try
        {
            await PublishCardAsync().ConfigureAwait(false);
        }
        catch (ModelException exception)
        {
            PlatformLog.WorkerCannotStart(logger, identity.Id, exception.Message, null);
            _models = AnnouncedModels.None;
            await lifecycle.RestartAsync(exception.Message).ConfigureAwait(false);
        }
    }

    /// <summary>Publishes the worker's state periodically, until <see cref="RemoveAsync"/>.</summary>
    public async Task HeartbeatAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(settings.HeartbeatEvery);
            do
            {
                await PublishAsync().ConfigureAwait(false);
                await PublishTimesAsync().ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(_heartbeats.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The worker stops.
        }
    }

    /// <summary>Removes the worker from the catalogue.</summary>
    /// <param name="heartbeat">The task that <see cref="HeartbeatAsync"/> returned.</param>
    public async Task RemoveAsync(Task heartbeat)
    {
        await _heartbeats.CancelAsync().ConfigureAwait(false);
        await heartbeat.ConfigureAwait(false);
        await PublishTimesAsync().ConfigureAwait(false);
        try
        {
            using var deadline = new CancellationTokenSource(AnswerTime);
            await catalog.RemoveAsync(identity.Id, deadline.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            // The catalogue removes the worker once its heartbeats have been missing for long enough.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _publishing.Dispose();
        _heartbeats.Dispose();
    }

    /// <summary>Publishes the measured times; those that cannot be published are dropped, because later ones follow.</summary>
    private async Task PublishTimesAsync()
    {
        try
        {
            using var deadline = new CancellationTokenSource(AnswerTime);
            await catalog.PublishAsync(times.TakeAll(), deadline.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            // The heartbeat reports the outage.
        }
    }

    private async Task UntilWrittenAsync(Func<CancellationToken, Task> write) => await Retry.WhileUnavailableAsync(
        async token =>
        {
            await write(token).ConfigureAwait(false);
            return true;
        },
        lifecycle.Taking).ConfigureAwait(false);

    /// <summary>Writes the worker's card into the catalogue. Serialized, so that a stale card never overwrites a newer one.</summary>
    /// <param name="changed">Models that are announced from now on, if they can be; null for those before.</param>
    /// <returns>Whether the card was written.</returns>
    /// <exception cref="ModelException">Another worker serves other files under the same name.</exception>
    private async Task<bool> PublishCardAsync(AnnouncedModels? changed = null)
    {
        await _publishing.WaitAsync().ConfigureAwait(false);
        try
        {
            using var deadline = new CancellationTokenSource(AnswerTime);
            WorkerState state = lifecycle.State;
            AnnouncedModels models = changed ?? _models;
            await catalog.PublishAsync(
                new WorkerCard
                {
                    Id = identity.Id,
                    Role = identity.Role.Name,
                    State = state,
                    Models = models.Fingerprints,
                    WatchedModels = models.Watched,
                    Address = settings.Address(),
                    ServerName = settings.ServerName,
                    Busy = lifecycle.Busy,
                    Slots = settings.Slots,
                    EndsProcess = settings.EndsProcess,
                    Provider = settings.Provider,
                    Device = settings.Device.ToString(),
                    LoadSeconds = lifecycle.LoadTime?.TotalSeconds,
                    Seen = store.Clock.GetUtcNow(),
                },
                deadline.Token).ConfigureAwait(false);
            IsAnnounced |= state == WorkerState.Ready;
            _models = changed ?? _models;
            return true;
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            string reason = exception is PlatformUnavailableException unavailable ? unavailable.Details : exception.Message;
            PlatformLog.Unavailable(logger, "the catalogue", reason);
            return false;
        }
        finally
        {
            _publishing.Release();
        }
    }

    /// <summary>The models that a worker announces.</summary>
    /// <param name="Fingerprints">The fingerprints by the models' names.</param>
    /// <param name="Watched">The names of those of the watched folder.</param>
    private sealed record AnnouncedModels(Dictionary<string, string> Fingerprints, IReadOnlyList<string> Watched)
    {
        public static AnnouncedModels None { get; } = new([], []);
    }
}
