using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Plain lines, at most ten a picture: for logs and pipes.</summary>
/// <param name="pictures">The request's pictures.</param>
internal sealed class LineProgress(int pictures) : IGenerationProgress
{
    private readonly StepClock _clock = new(pictures);
    private (int Picture, string? Stage, int Tenth) _last;

    public void Report(DenoiseProgress value)
    {
        StepClock.Reading reading = _clock.Take(value);
        // A gateway does not tell every step.
        int tenth = value.Evaluation * 10 / value.Evaluations, before = _last.Picture == value.Task && _last.Stage == value.Stage ? _last.Tenth : 0;
        if (tenth <= before)
        {
            return;
        }
        _last = (value.Task, value.Stage, tenth);
        string picture = pictures > 1 ? $"picture {value.Task + 1}/{pictures}, " : "";
        string stage = value.Stage.Length > 0 ? value.Stage + ", " : "";
        string speed = reading.Speed.Length > 0 ? ", " + reading.Speed : "";
        Console.Error.WriteLine($"{picture}{stage}step {value.Evaluation}/{value.Evaluations}{speed}");
    }

    public void Wait(string what)
    {
    }

    public void Dispose()
    {
    }
}
