using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Shows progress as plain lines, at most ten for each image, for logs and pipes.</summary>
/// <param name="images">The number of images of the request.</param>
internal sealed class LineProgress(int images) : IGenerationProgress
{
    private readonly StepClock _clock = new(images);
    private (int Task, string? Stage, int Tenth) _last;

    public void Report(DenoiseProgress value)
    {
        StepClock.Reading reading = _clock.Take(value);
        // A gateway does not report every step.
        int tenth = value.Evaluation * 10 / value.Evaluations, before = _last.Task == value.Task && _last.Stage == value.Stage ? _last.Tenth : 0;
        if (tenth <= before)
        {
            return;
        }
        _last = (value.Task, value.Stage, tenth);
        string image = images > 1 ? $"image {value.Task + 1}/{images}, " : "";
        string stage = value.Stage.Length > 0 ? value.Stage + ", " : "";
        string speed = reading.Speed.Length > 0 ? ", " + reading.Speed : "";
        Console.Error.WriteLine($"{image}{stage}step {value.Step}/{value.Steps}{speed}");
    }

    public void Wait(string what)
    {
    }

    public void ShowPlace(string place) => Console.Error.WriteLine(place);

    public void Dispose()
    {
    }
}
