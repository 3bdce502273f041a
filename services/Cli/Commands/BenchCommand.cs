using System.CommandLine;
using System.Text.Json.Nodes;
using Brownian.Cli.Requests;
using Brownian.Inference.Benchmarking;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian bench</c>: measures the speed of a model on this machine, and Brownian's overhead over the model's graphs.</summary>
internal sealed class BenchCommand
{
    private readonly ModelOptions _model = new();
    private readonly Option<string?> _size =
        new("--size") { Description = "The image size in pixels; the model's own when not given", HelpName = "WxH" };
    private readonly Option<string?> _steps = new("--steps") { Description = "Steps per image, 1..1000; 20 when not given", HelpName = "N" };
    private readonly Option<string?> _batch = new("--batch") { Description = "Images per batch, 1..64; 1 when not given", HelpName = "N" };
    private readonly Option<string?> _rounds =
        new("--rounds") { Description = "How many times an image is generated, 1..1000; 5 when not given", HelpName = "N" };
    private readonly Option<string?> _guidance =
        new("--guidance") { Description = "The guidance scale; 1 evaluates one row per image instead of two", HelpName = "X" };
    private readonly Option<bool> _json = new("--json") { Description = "Write the figures as JSON" };

    public static Command Create()
    {
        var bench = new BenchCommand();
        var command = new Command("bench", "Measures the time of a model's stages and the overhead of Brownian")
        {
            bench._size, bench._steps, bench._batch, bench._rounds, bench._guidance, bench._json
        };
        bench._model.AddTo(command);
        command.SetAction(bench.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        await Task.Yield();
        var faults = new List<FieldFault>();
        SessionSettings session = _model.Settings(parsed, faults);
        (int Width, int Height)? size = OptionText.Size(parsed.GetValue(_size), "--size", faults);
        var defaults = new BenchmarkSettings();
        var settings = new BenchmarkSettings
        {
            Width = size?.Width,
            Height = size?.Height,
            Steps = OptionText.Integer(parsed.GetValue(_steps), "--steps", 1, 1000, faults) ?? defaults.Steps,
            Batch = OptionText.Integer(parsed.GetValue(_batch), "--batch", 1, 64, faults) ?? defaults.Batch,
            GuidanceScale = OptionText.Number(parsed.GetValue(_guidance), "--guidance", 0, 100, faults) ?? defaults.GuidanceScale,
            Rounds = OptionText.Integer(parsed.GetValue(_rounds), "--rounds", 1, 1000, faults) ?? defaults.Rounds,
        };
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        ModelFolder model = _model.Catalog(parsed).Open(parsed.GetValue(_model.Model), parsed.GetValue(_model.Precision));
        BenchmarkReport report = await ModelBenchmark.RunAsync(model, session, settings, new Reporter(), cancellationToken);
        Write(report, settings, session, model.Name, parsed.GetValue(_json));
        return ExitCode.Success;
    }

    private static void Write(BenchmarkReport report, BenchmarkSettings settings, SessionSettings session, string model, bool json)
    {
        double stepsPerSecond = 1 / report.Step.Median.TotalSeconds;
        double imagesPerMinute = 60 * settings.Batch / (report.Image.Median + 2 * (report.Encode?.Median ?? TimeSpan.Zero)).TotalSeconds;
        if (json)
        {
            Console.Out.WriteLine(new JsonObject
            {
                ["model"] = model,
                ["width"] = report.Width,
                ["height"] = report.Height,
                ["steps"] = settings.Steps,
                ["batch"] = settings.Batch,
                ["threads"] = session.Threads ?? Environment.ProcessorCount,
                ["scheduler"] = report.Scheduler,
                ["encode_ms"] = Json(report.Encode),
                ["step_ms"] = Json(report.Step),
                ["bare_step_ms"] = Json(report.BareStep),
                ["decode_ms"] = Json(report.Decode),
                ["image_ms"] = Json(report.Image),
                ["bare_image_ms"] = Json(report.BareImage),
                ["steps_per_second"] = stepsPerSecond,
                ["images_per_minute"] = imagesPerMinute,
                ["allocated_bytes_per_step"] = report.AllocatedPerStep,
                ["peak_memory_bytes"] = report.PeakMemory,
                ["overhead_us_per_step"] = report.OverheadMicroseconds,
                ["overhead_step_ratio"] = report.StepOverhead,
                ["overhead_image_ratio"] = report.ImageOverhead,
            }.ToJsonString());
            return;
        }
        void Line(string name, FormattableString value) => Console.Out.WriteLine($"{name,-22}{FormattableString.Invariant(value)}");
        void Times(string name, Distribution times) =>
            Line(name, $"{times.Median.TotalMilliseconds:0.000} ms median, {times.Percentile95.TotalMilliseconds:0.000} ms p95");
        int threads = session.Threads ?? Environment.ProcessorCount;
        string size = FormattableString.Invariant($"{report.Width}x{report.Height}");
        Line("model", $"{model}, {size}, {settings.Steps} steps, batch {settings.Batch}, {report.Scheduler}, {threads} threads, {session.Device}");
        if (report.Encode is { } encode)
        {
            Times("encode", encode);
        }
        Times("step", report.Step);
        Times("  bare loop", report.BareStep);
        Times("decode", report.Decode);
        Times("image", report.Image);
        Times("  bare loop", report.BareImage);
        Line("speed", $"{stepsPerSecond:0.00} steps/s, {imagesPerMinute:0.0} images/min");
        double step = 100 * report.StepOverhead, image = 100 * report.ImageOverhead;
        Line("overhead", $"{report.OverheadMicroseconds:0.0} us per step, {step:0.00} % of a step, {image:0.00} % of an image");
        Line("allocated", $"{report.AllocatedPerStep:0} bytes per step");
        Line("peak memory", $"{report.PeakMemory / 1048576.0:0} MiB");
    }

    private static JsonObject? Json(Distribution? times) => times is { } known
        ? new JsonObject { ["median"] = known.Median.TotalMilliseconds, ["p95"] = known.Percentile95.TotalMilliseconds }
        : null;

    /// <summary>Writes one line to standard error for each completed step.</summary>
    private sealed class Reporter : IProgress<string>
    {
        public void Report(string value) => Console.Error.WriteLine(value);
    }
}
