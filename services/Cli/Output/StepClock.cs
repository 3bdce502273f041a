using System.Diagnostics;
using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Steps per second and time left, from the evaluations made so far.</summary>
/// <param name="images">The request's images.</param>
internal sealed class StepClock(int images)
{
    private long _started;
    private int _first;
    private string _stage = "";

    /// <summary>Takes note of an evaluation.</summary>
    /// <returns>What is done and what is left of the request, or of its stage where several denoise.</returns>
    public Reading Take(DenoiseProgress progress)
    {
        long now = Stopwatch.GetTimestamp();
        int done = progress.Task * progress.Evaluations + progress.Evaluation, all = images * progress.Evaluations;
        // A job that lost its worker goes on from its last checkpoint, and its time counts from there.
        if (_started == 0 || done <= _first || progress.Stage != _stage)
        {
            // The first evaluation also pays for what is done once.
            (_started, _first, _stage) = (now, done, progress.Stage);
            return new Reading(done, all, null, null);
        }
        double rate = (done - _first) / Stopwatch.GetElapsedTime(_started, now).TotalSeconds;
        return new Reading(done, all, rate, TimeSpan.FromSeconds((all - done) / rate));
    }

    /// <param name="Done">Evaluations made.</param>
    /// <param name="All">Evaluations in all.</param>
    /// <param name="StepsPerSecond">Null until two were made.</param>
    /// <param name="Left">Null until two were made.</param>
    public readonly record struct Reading(int Done, int All, double? StepsPerSecond, TimeSpan? Left)
    {
        /// <summary>For example "3.1 steps/s, 0:04 left".</summary>
        public string Speed => StepsPerSecond is { } rate && Left is { } left
            ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} steps/s, {(int)left.TotalMinutes}:{left.Seconds:00} left")
            : "";
    }
}
