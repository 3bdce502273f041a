using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>
/// What hinders models of the watched folder. A problem is logged once, until it changes or ends. A model that could not be served is tried again
/// after pauses that double: its problem can be outside of its files, such as a lack of memory, but a try can read gigabytes.
/// </summary>
/// <param name="logger">Receives the problems.</param>
internal sealed class WatchProblems(ILogger logger)
{
    /// <summary>The largest number of readings between two tries.</summary>
    public const int MaxPause = 32;

    private readonly Dictionary<string, string> _known = new(StringComparer.Ordinal);

    /// <summary>For each model that could not be served: the readings until the next try, and the pause that they are left of.</summary>
    private readonly Dictionary<string, (int Left, int Pause)> _pauses = new(StringComparer.Ordinal);

    /// <summary>Logs a problem, unless it is known.</summary>
    /// <param name="what">The model, or the watched folder.</param>
    /// <param name="problem">The problem.</param>
    public void Report(string what, string problem)
    {
        if (_known.GetValueOrDefault(what) != problem)
        {
            _known[what] = problem;
            PlatformLog.WatchedModelRefused(logger, what, problem);
        }
    }

    /// <summary>Logs why a model could not be served, and begins the pause until the next try.</summary>
    /// <param name="model">The model.</param>
    /// <param name="problem">The problem.</param>
    public void Refuse(string model, string problem)
    {
        int pause = Math.Clamp(2 * _pauses.GetValueOrDefault(model).Pause, 1, MaxPause);
        _pauses[model] = (pause, pause);
        Report(model, problem);
    }

    /// <summary>Returns whether a model is tried at this reading. Called once a reading.</summary>
    public bool IsDue(string model)
    {
        if (_pauses.GetValueOrDefault(model) is not { Left: > 0 } pause)
        {
            return true;
        }
        _pauses[model] = pause with { Left = pause.Left - 1 };
        return false;
    }

    /// <summary>Ends what is known of a model, or of the watched folder.</summary>
    public void End(string what)
    {
        _known.Remove(what);
        _pauses.Remove(what);
    }
}
