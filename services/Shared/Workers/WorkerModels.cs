using System.Diagnostics;
using Brownian.Formats.Files;
using Brownian.Inference.Engines;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>
/// The models that a worker serves: those of its settings, which it needs to start, and those of the watched folder, which come and go while it
/// runs.
/// </summary>
/// <param name="identity">The worker's identity.</param>
/// <param name="lifecycle">The worker's state.</param>
/// <param name="announcement">Announces the models.</param>
/// <param name="queues">Receives the queues to take from.</param>
/// <param name="engines">The models' engines.</param>
/// <param name="watched">The watched folder.</param>
/// <param name="kinds">The kinds of stages that the worker runs.</param>
/// <param name="settings">The classes of jobs.</param>
/// <param name="logger">Logs what is served.</param>
internal sealed class WorkerModels(
    WorkerIdentity identity, WorkerLifecycle lifecycle, WorkerAnnouncement announcement, ServedQueues queues, LocalEngines engines,
    WatchedFolder watched, IReadOnlyList<string> kinds, WorkerSettings settings, ILogger<StageWorker> logger)
{
    private readonly string[] _named = [.. engines.Models];
    private readonly Dictionary<string, ModelFolder> _taken = new(StringComparer.Ordinal);
    private readonly WatchProblems _problems = new(logger);
    private Dictionary<string, string> _fingerprints = [];

    /// <summary>The names of the models of the settings.</summary>
    public IReadOnlyList<string> Named => _named;

    /// <summary>Loads and runs every model of the settings once, and announces them.</summary>
    /// <param name="failing">The timestamp since which starting fails; 0 when it does not.</param>
    /// <returns>The time that loading and running took, without waits for other workers and servers, which no other start would repeat.</returns>
    /// <exception cref="ModelException">A model is damaged, or another worker serves other files under its name.</exception>
    public async Task<TimeSpan> StartAsync(long failing)
    {
        _taken.Clear();
        var fingerprints = new Dictionary<string, string>(StringComparer.Ordinal);
        long started = Stopwatch.GetTimestamp();
        foreach (string model in _named)
        {
            fingerprints[model] = await PrepareAsync(model, lifecycle.Taking).ConfigureAwait(false);
        }
        TimeSpan loadTime = Stopwatch.GetElapsedTime(started);
        await announcement.RequireSameFilesAsync(fingerprints, failing).ConfigureAwait(false);
        await announcement.PublishModelsAsync(_named).ConfigureAwait(false);
        _fingerprints = fingerprints;
        SetQueues([]);
        return loadTime;
    }

    /// <summary>Takes up the models of the watched folder after each of its readings. A model that cannot be served is tried again.</summary>
    public async Task FollowAsync(CancellationToken cancellationToken)
    {
        while (watched.IsGiven)
        {
            Task next = watched.NextReadingAsync(cancellationToken);
            try
            {
                await TakeUpAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (ModelException)
            {
                // Another worker has other files of what this one serves: its next heartbeat finds and tells that, too.
            }
            await next.ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Takes up the models that are in the watched folder now, before a worker that drains its queues looks whether they are empty.
    /// </summary>
    public async Task SettleAsync()
    {
        if (watched.IsGiven)
        {
            // A model is given to the engines at the second reading that finds it.
            await watched.NextReadingAsync(lifecycle.Taking).ConfigureAwait(false);
            await watched.NextReadingAsync(lifecycle.Taking).ConfigureAwait(false);
            await TakeUpAsync(lifecycle.Taking).ConfigureAwait(false);
        }
    }

    private async Task TakeUpAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, ModelFolder> wanted =
            engines.Folders.Where(folder => !_named.Contains(folder.Name)).ToDictionary(folder => folder.Name, StringComparer.Ordinal);
        string[] gone = [.. _taken.Keys.Where(name => wanted.GetValueOrDefault(name) != _taken[name])];
        if (gone.Length > 0)
        {
            string[] rest = [.. _taken.Keys.Except(gone)];
            SetQueues(rest);
            var fingerprints = _fingerprints.Where(pair => !gone.Contains(pair.Key)).ToDictionary(StringComparer.Ordinal);
            if (!await announcement.ChangeAsync(fingerprints, rest).ConfigureAwait(false))
            {
                return;
            }
            _fingerprints = fingerprints;
            Array.ForEach(gone, name => _taken.Remove(name));
        }
        foreach ((string name, ModelFolder folder) in wanted.Where(model => !_taken.ContainsKey(model.Key)))
        {
            try
            {
                if (!await TryServeAsync(name, cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
                _taken.Add(name, folder);
                _problems.End(name);
                SetQueues([.. _taken.Keys]);
                PlatformLog.WatchedModelServed(logger, identity.Id, name);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                await announcement.ChangeAsync(_fingerprints, [.. _taken.Keys]).ConfigureAwait(false);
                _problems.Report(name, exception.Message);
            }
        }
    }

    /// <summary>Loads, runs and announces a model.</summary>
    /// <returns>Whether it was announced.</returns>
    private async Task<bool> TryServeAsync(string model, CancellationToken cancellationToken)
    {
        string fingerprint = await PrepareAsync(model, cancellationToken).ConfigureAwait(false);
        var fingerprints = new Dictionary<string, string>(_fingerprints, StringComparer.Ordinal) { [model] = fingerprint };
        if (!await announcement.ChangeAsync(fingerprints, [.. _taken.Keys, model]).ConfigureAwait(false))
        {
            return false;
        }
        await announcement.PublishModelsAsync([model]).ConfigureAwait(false);
        _fingerprints = fingerprints;
        return true;
    }

    /// <summary>Loads and runs a model once.</summary>
    /// <returns>The fingerprint.</returns>
    private async Task<string> PrepareAsync(string model, CancellationToken cancellationToken)
    {
        string fingerprint = await engines.FingerprintAsync(model).ConfigureAwait(false);
        foreach (string kind in kinds)
        {
            await engines.WarmUpAsync(model, kind, cancellationToken).ConfigureAwait(false);
        }
        return fingerprint;
    }

    private void SetQueues(IReadOnlyList<string> further) => queues.Set(
    [
        .. from priority in settings.Priorities
           from kind in identity.Role.Kinds
           where kinds.Contains(kind)
           from model in kind == StageKind.Write ? (IEnumerable<string?>)[null] : _named.Concat(further)
           select new StageQueue(kind, model, priority),
    ]);
}
