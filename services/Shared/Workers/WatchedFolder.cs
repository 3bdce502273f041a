using Brownian.Inference.Engines;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Folders;
using Brownian.Workers.Devices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>
/// A folder of models that is read again and again. A model that appears in it is given to the engines of all devices; one that is gone or changes is
/// withdrawn from them. The workers take up what changed after each reading.
/// </summary>
/// <param name="settings">The folder, and how often it is read.</param>
/// <param name="devices">The engines.</param>
/// <param name="clock">Measures the time between readings.</param>
/// <param name="logger">Logs models that cannot be served.</param>
public sealed class WatchedFolder(WatchSettings settings, DeviceSet devices, TimeProvider clock, ILogger<WatchedFolder> logger) : BackgroundService
{
    /// <summary>All files of a model, whose parts can be links; not more, because links can go round.</summary>
    private static readonly EnumerationOptions Everything = new()
    {
        RecurseSubdirectories = true,
        MaxRecursionDepth = 3,
        IgnoreInaccessible = false,
        AttributesToSkip = 0,
    };

    /// <summary>The files of each folder at the last reading.</summary>
    private readonly Dictionary<string, string> _seen = new(StringComparer.Ordinal);

    private readonly Dictionary<string, List<LocalEngines>> _served = new(StringComparer.Ordinal);
    private readonly WatchProblems _problems = new(logger);
    private TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether there is a folder to read.</summary>
    public bool IsGiven => settings.Folder is not null;

    /// <summary>Completes at the end of the next reading.</summary>
    public Task NextReadingAsync(CancellationToken cancellationToken) => Volatile.Read(ref _read).Task.WaitAsync(cancellationToken);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.Folder is not { } folder)
        {
            return;
        }
        await Task.Yield();
        using var timer = new PeriodicTimer(settings.Every, clock);
        do
        {
            Read(folder);
            Interlocked.Exchange(ref _read, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    private void Read(string folder)
    {
        string[] paths;
        try
        {
            paths = Directory.GetDirectories(Path.GetFullPath(folder));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // An outage of a network's folder withdraws nothing.
            _problems.Report(folder, exception.Message);
            return;
        }
        _problems.End(folder);
        var found = new Dictionary<string, (string Path, string? Files)>(StringComparer.Ordinal);
        foreach (string path in paths.Where(path => !Path.GetFileName(path).StartsWith('.')))
        {
            string name = Path.GetFileName(path);
            try
            {
                if (ModelFolder.IsModel(path))
                {
                    found[name] = (path, FilesOf(path));
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // What is served of it stays, as in an outage.
                found[name] = (path, _seen.GetValueOrDefault(name));
                _problems.Report(name, exception.Message);
            }
        }
        foreach (string name in _seen.Keys.Where(name => _seen[name] != found.GetValueOrDefault(name).Files).ToArray())
        {
            _seen.Remove(name);
            _problems.End(name);
            if (_served.Remove(name, out List<LocalEngines>? engines))
            {
                engines.ForEach(local => local.Withdraw(name));
                PlatformLog.WatchedModelWithdrawn(logger, name);
            }
        }
        foreach ((string name, (string path, string? files)) in found)
        {
            // A model that is still being copied changes from one reading to the next.
            if (files is not null && !_seen.TryAdd(name, files) && !_served.ContainsKey(name) && !IsNamed(path) && _problems.IsDue(name))
            {
                Serve(name, path);
            }
        }
    }

    /// <summary>Whether the settings name the same folder.</summary>
    private bool IsNamed(string path) => devices.All.All(device => device.Local.Folders.Any(model => model.FolderPath == path));

    private void Serve(string name, string path)
    {
        var added = new List<LocalEngines>();
        try
        {
            var model = ModelFolder.Open(path, settings.Precision);
            foreach (LocalEngines local in devices.All.Select(device => device.Local))
            {
                local.Add(model);
                added.Add(local);
            }
            _served.Add(name, added);
            _problems.End(name);
        }
        catch (Exception exception)
        {
            // Whatever is wrong with a model, it must not end the process.
            added.ForEach(local => local.Withdraw(name));
            _problems.Refuse(name, exception.Message);
        }
    }

    /// <summary>Returns what differs when a file of a folder is added, removed or written.</summary>
    private static string FilesOf(string folder) => string.Join(
        '\n',
        Directory.EnumerateFiles(folder, "*", Everything)
            .Order(StringComparer.Ordinal)
            .Select(file => new FileInfo(file))
            .Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}"));
}
