using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Cli.Output;

/// <summary>Writes images to their files, and reports at the end what was made: as JSON, and in one line for the user.</summary>
/// <param name="files">The output files.</param>
/// <param name="json">Whether the report is written to standard output as JSON.</param>
/// <param name="quiet">Whether nothing is written to standard error.</param>
internal sealed class GenerationReport(ImageFiles files, bool json, bool quiet)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly JsonArray _images = [];
    private readonly List<ulong> _seeds = [];
    private readonly JsonArray _warnings = [];
    private readonly Lock _lock = new();

    /// <summary>Shows a warning, unless it was shown, and adds it to the report.</summary>
    public void Warn(string message)
    {
        lock (_lock)
        {
            if (_warnings.Any(known => (string?)known == message))
            {
                return;
            }
            _warnings.Add(message);
        }
        if (!quiet)
        {
            Console.Error.WriteLine("warning: " + message);
        }
    }

    /// <summary>Writes an image to the output.</summary>
    /// <param name="name">Returns the file's name; called only when the output is a file.</param>
    /// <param name="bytes">The file.</param>
    /// <param name="seed">The image's seed.</param>
    /// <param name="width">The width in pixels.</param>
    /// <param name="height">The height in pixels.</param>
    public void Write(Func<string> name, byte[] bytes, ulong seed, int width, int height)
    {
        if (files.IsStandardOutput)
        {
            _seeds.Add(seed);
            using Stream output = Console.OpenStandardOutput();
            output.Write(bytes);
            return;
        }
        string file = name();
        ImageFiles.Write(file, bytes);
        lock (_lock)
        {
            _seeds.Add(seed);
            _images.Add(new JsonObject { ["file"] = file, ["seed"] = seed, ["width"] = width, ["height"] = height });
        }
    }

    /// <summary>Reports what a batch made.</summary>
    /// <param name="skipped">The number of requests that an earlier run had finished.</param>
    /// <param name="failures">The requests that failed, each with the reason.</param>
    public void FinishBatch(int skipped, IReadOnlyList<string> failures)
    {
        double seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        if (json)
        {
            WriteJson(new JsonObject
            {
                ["images"] = _images,
                ["skipped"] = skipped,
                ["failures"] = new JsonArray([.. failures.Select(failure => JsonValue.Create(failure))]),
                ["seconds"] = Math.Round(seconds, 3),
                ["warnings"] = _warnings,
            });
        }
        if (!quiet)
        {
            string more = (skipped, failures.Count) switch
            {
                (0, 0) => "",
                (_, 0) => $", {skipped} requests were finished before",
                (0, _) => $", {failures.Count} requests failed",
                _ => $", {skipped} requests were finished before, {failures.Count} failed",
            };
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_images.Count} images{more}, {seconds:0.0} s"));
        }
    }

    /// <summary>Reports what was made.</summary>
    /// <param name="model">The model's name, if known.</param>
    public void Finish(string? model)
    {
        double seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        if (json)
        {
            WriteJson(new JsonObject
            {
                ["model"] = model,
                ["images"] = _images,
                ["seconds"] = Math.Round(seconds, 3),
                ["warnings"] = _warnings,
            });
        }
        if (quiet && !json && !files.IsNamed)
        {
            foreach (JsonNode? image in _images)
            {
                Console.Out.WriteLine((string)image!["file"]!);
            }
        }
        if (!quiet)
        {
            string what = files.IsStandardOutput ? "standard output"
                : _images.Count == 1 ? (string)_images[0]!["file"]!
                : $"{(string)_images[0]!["file"]!} ... {(string)_images[^1]!["file"]!} ({_images.Count} images)";
            ulong[] different = [.. _seeds.Distinct()];
            string seeds = different.Length == 1 ? $"seed {different[0]}" : $"seeds {string.Join(", ", different)}";
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}, {seeds}, {seconds:0.0} s"));
        }
    }

    private static void WriteJson(JsonObject report) =>
        Console.Out.WriteLine(report.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
}
