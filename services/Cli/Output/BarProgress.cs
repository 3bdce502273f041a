using Brownian.Inference.Engines;
using Spectre.Console;

namespace Brownian.Cli.Output;

/// <summary>Shows progress as a bar on a terminal's standard error.</summary>
internal sealed class BarProgress : IGenerationProgress
{
    private readonly int _images;
    private readonly StepClock _clock;
    private readonly TaskCompletionSource _done = new();
    private readonly TaskCompletionSource<ProgressTask> _bar = new();
    private readonly Task _display;

    /// <param name="images">The number of images of the request.</param>
    public BarProgress(int images)
    {
        _images = images;
        _clock = new StepClock(images);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            // Fixed, because the caller has checked standard error; standard output may be redirected.
            Ansi = AnsiSupport.Yes,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(Console.Error),
        });
        _display = console.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(async context =>
            {
                _bar.SetResult(context.AddTask("loading", maxValue: 1));
                await _done.Task;
            });
    }

    public void Report(DenoiseProgress value)
    {
        StepClock.Reading reading = _clock.Take(value);
        ProgressTask bar = _bar.Task.GetAwaiter().GetResult();
        bar.MaxValue = reading.All;
        bar.Value = reading.Done;
        string image = _images > 1 ? $"image {value.Task + 1}/{_images}, " : "";
        string stage = value.Stage.Length > 0 ? Markup.Escape(value.Stage) + ", " : "";
        bar.Description = $"{image}{stage}step {value.Step}/{value.Steps}  {reading.Speed}";
    }

    public void Wait(string what) => _bar.Task.GetAwaiter().GetResult().Description = Markup.Escape(what);

    public void ShowPlace(string place) => Wait(place);

    public void Dispose()
    {
        _done.TrySetResult();
        _display.GetAwaiter().GetResult();
    }
}
