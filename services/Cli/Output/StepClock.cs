using System.Diagnostics;
using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Computes steps per second and the remaining time from the evaluations so far.</summary>
/// <param name="images">The number of images of the request.</param>
internal sealed class StepClock(int images)
{
    private long _started;
    private int _first;
    private string _stage = "";

    /// <summary>Records an evaluation.</summary>
    /// <returns>The completed and remaining work of the request, or of its stage when several stages denoise.</returns>
    public Reading Take(DenoiseProgress progress)
    {
        long now = Stopwatch.GetTimestamp();
        int done = progress.Task * progress.Evaluations + progress.Evaluation, all = images * progress.Evaluations;
        // A job that lost its worker continues from its last checkpoint, so the measurement restarts there.
        if (_started == 0 || done <= _first || progress.Stage != _stage)
        {
            // The first evaluation includes one-time work, so it is not measured.
            (_started, _first, _stage) = (now, done, progress.Stage);
            return new Reading(done, all, null, null);
        }
        double rate = (done - _first) / Stopwatch.GetElapsedTime(_started, now).TotalSeconds;
        return new Reading(done, all, rate, TimeSpan.FromSeconds((all - done) / rate));
    }

    /// <param name="Done">The number of completed evaluations.</param>
    /// <param name="All">The total number of evaluations.</param>
    /// <param name="StepsPerSecond">Null until two evaluations were made.</param>
    /// <param name="Left">The remaining time; null until two evaluations were made.</param>
    public readonly record struct Reading(int Done, int All, double? StepsPerSecond, TimeSpan? Left)
    {
        /// <summary>For example "3.1 steps/s, 0:04 left".</summary>
        public string Speed => StepsPerSecond is { } rate && Left is { } left
            ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} steps/s, {(int)left.TotalMinutes}:{left.Seconds:00} left")
            : "";
    }
}
