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

    /// <summary>Shows a warning, unless it was shown, and adds it to the report.</summary>
    public void Warn(string message)
    {
        if (_warnings.Any(known => (string?)known == message))
        {
            return;
        }
        _warnings.Add(message);
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
        _seeds.Add(seed);
        if (files.IsStandardOutput)
        {
            using Stream output = Console.OpenStandardOutput();
            output.Write(bytes);
            return;
        }
        string file = name();
        ImageFiles.Write(file, bytes);
        _images.Add(new JsonObject { ["file"] = file, ["seed"] = seed, ["width"] = width, ["height"] = height });
    }

    /// <summary>Reports what was made.</summary>
    /// <param name="model">The model's name, if known.</param>
    public void Finish(string? model)
    {
        double seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        if (json)
        {
            var report = new JsonObject
            {
                ["model"] = model,
                ["images"] = _images,
                ["seconds"] = Math.Round(seconds, 3),
                ["warnings"] = _warnings,
            };
            Console.Out.WriteLine(report.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
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
}
