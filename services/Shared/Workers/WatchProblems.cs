using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>What hinders models of the watched folder. A problem is logged once, until it changes or ends.</summary>
/// <param name="logger">Receives the problems.</param>
internal sealed class WatchProblems(ILogger logger)
{
    private readonly Dictionary<string, string> _known = new(StringComparer.Ordinal);

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

    /// <summary>Ends what is known of a model, or of the watched folder.</summary>
    public void End(string what) => _known.Remove(what);
}
