using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Plain lines, at most ten a picture: for logs and pipes.</summary>
/// <param name="pictures">The request's pictures.</param>
internal sealed class LineProgress(int pictures) : IGenerationProgress
{
    private readonly StepClock _clock = new(pictures);
    private (int Picture, int Tenth) _last;

    public void Report(DenoiseProgress value)
    {
        StepClock.Reading reading = _clock.Take(value);
        // A gateway does not tell every step.
        int tenth = value.Evaluation * 10 / value.Evaluations, before = _last.Picture == value.Task ? _last.Tenth : 0;
        if (tenth <= before)
        {
            return;
        }
        _last = (value.Task, tenth);
        string picture = pictures > 1 ? $"picture {value.Task + 1}/{pictures}, " : "";
        string speed = reading.Speed.Length > 0 ? ", " + reading.Speed : "";
        Console.Error.WriteLine($"{picture}step {value.Evaluation}/{value.Evaluations}{speed}");
    }

    public void Wait(string what)
    {
    }

    public void Dispose()
    {
    }
}
