using System.CommandLine;
using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Cli.Output;
using Brownian.Inference;
using Brownian.Inference.Families;
using Brownian.Inference.Images;
using Brownian.Inference.Models;
using Brownian.Inference.Requests;
using Brownian.Inference.Sessions;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian generate</c>: pictures from a prompt.</summary>
internal sealed class GenerateCommand
{
    private readonly ModelOptions _model = new();
    private readonly RequestOptions _request = new();
    private readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "A file, a folder (ending in /, or one that exists), or - for standard output; a name made of prompt and seed when not given",
        HelpName = "FILE|FOLDER|-",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Write what was made to standard output as JSON" };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Show no progress and no last line" };
    private readonly Option<string?> _dump = new("--dump") { Description = "Write token ids, embeddings, timesteps and latents to a folder", HelpName = "FOLDER" };

    public static Command Create()
    {
        var generate = new GenerateCommand();
        var command = new Command("generate", "Makes pictures from a prompt");
        generate._request.AddTo(command);
        generate._model.AddTo(command);
        command.Options.Add(generate._output);
        command.Options.Add(generate._json);
        command.Options.Add(generate._quiet);
        command.Options.Add(generate._dump);
        command.SetAction(generate.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        // Ctrl-C is listened to from the first yield on.
        await Task.Yield();
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet);
        string? dump = parsed.GetValue(_dump);
        var faults = new List<FieldFault>();
        SessionSettings settings = _model.Settings(parsed, faults);
        var files = new PictureFiles(parsed.GetValue(_output));
        JsonObject asked = _request.Build(parsed, parsed.GetValue(_model.Model), files.NamedFormat);
        GenerationRequest request = Read(asked, faults);
        if (json && files.IsStandardOutput)
        {
            faults.Add(new FieldFault("--json", "cannot be given with -o -: both would write to standard output"));
        }
        int pictures = request.Seeds?.Count ?? request.Count;
        if (files.IsStandardOutput && pictures > 1)
        {
            faults.Add(new FieldFault("--output", $"- takes one picture; {pictures} were asked for"));
        }
        if (files.NeedsFormat && asked["output"]?["format"] is null)
        {
            faults.Add(new FieldFault("--output", "has no ending that says a format; allowed: .png, .jpg, .webp, or --format"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }

        ModelFolder model = _model.Catalog(parsed).Open(request.Model);
        // What can be refused is refused before graphs of gigabytes are loaded.
        StableDiffusion.Resolve(request, ModelCard.Of(model, StableDiffusionFacts.Read(model)));
        files.Prepare();
        if (dump is not null)
        {
            PictureFiles.RequireFolder("--dump", dump);
        }

        var images = new List<GeneratedImage>();
        var results = new JsonArray();
        ResolvedRequest resolved;
        using (ImageGenerator generator = await ImageGenerator.LoadAsync(model, settings, cancellationToken))
        {
            resolved = generator.Resolve(request);
            bool warned = false;
            using IGenerationProgress progress = quiet ? new NoProgress()
                : Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb" ? new LineProgress(pictures)
                : new BarProgress(pictures);
            await foreach (GeneratedImage image in generator.GenerateAsync(resolved, progress, cancellationToken))
            {
                if (!warned)
                {
                    Warn(image, generator.Window);
                    warned = true;
                }
                string parameters = Infotext.Write(resolved, image.Seed);
                byte[] bytes = ImageFile.Encode(image.Pixels, request.Output, parameters);
                if (files.IsStandardOutput)
                {
                    using Stream output = Console.OpenStandardOutput();
                    output.Write(bytes);
                }
                else
                {
                    string name = files.Name(image.Index, pictures, resolved.Prompt, image.Seed, request.Output.Format);
                    PictureFiles.Write(name, bytes);
                    results.Add(new JsonObject { ["file"] = name, ["seed"] = image.Seed, ["width"] = resolved.Width, ["height"] = resolved.Height });
                }
                if (dump is not null)
                {
                    images.Add(image);
                }
            }
        }
        if (dump is not null)
        {
            DumpFolder.Write(dump, images);
        }
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (json)
        {
            var report = new JsonObject
            {
                ["model"] = resolved.Model,
                ["images"] = results,
                ["seconds"] = Math.Round(seconds, 3),
            };
            Console.Out.WriteLine(report.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        }
        if (!quiet)
        {
            Console.Error.WriteLine(LastLine(files, results, resolved, seconds));
        }
        return ExitCode.Success;
    }

    private static GenerationRequest Read(JsonObject asked, List<FieldFault> faults)
    {
        try
        {
            return RequestReader.Read(asked);
        }
        catch (FieldFaultException exception)
        {
            throw new FieldFaultException([.. faults, .. exception.Faults]);
        }
    }

    private static void Warn(GeneratedImage image, int window)
    {
        if (image.Prompt.Cut is { } cut)
        {
            Console.Error.WriteLine($"warning: the prompt is longer than {window} tokens; this was cut: \"{cut}\"");
        }
        if (image.Negative?.Cut is { } negative)
        {
            Console.Error.WriteLine($"warning: the negative prompt is longer than {window} tokens; this was cut: \"{negative}\"");
        }
    }

    private static string LastLine(PictureFiles files, JsonArray results, ResolvedRequest resolved, double seconds)
    {
        string what = files.IsStandardOutput ? "standard output"
            : results.Count == 1 ? (string)results[0]!["file"]!
            : $"{(string)results[0]!["file"]!} ... {(string)results[^1]!["file"]!} ({results.Count} pictures)";
        string seeds = resolved.Seeds.Count == 1 ? $"seed {resolved.Seeds[0]}" : $"seeds {string.Join(", ", resolved.Seeds)}";
        return string.Create(CultureInfo.InvariantCulture, $"{what}, {seeds}, {seconds:0.0} s");
    }
}
