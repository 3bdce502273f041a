using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json.Nodes;
using Brownian.Cli.Output;
using Brownian.Cli.Remote;
using Brownian.Gateway.Requests;
using Brownian.Inference;
using Brownian.Inference.Adapters;
using Brownian.Inference.Families;
using Brownian.Inference.Models;
using Brownian.Inference.Requests;
using Brownian.Inference.Sessions;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian generate</c>: pictures from a prompt, made here or by a gateway.</summary>
/// <param name="options">The options that are fields of the request.</param>
internal sealed class GenerateCommand(RequestOptions options)
{
    private readonly ModelOptions _model = new();
    private readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "A file, a folder (ending in /, or one that exists), or - for standard output; a name made of the prompt or the picture's name, and the seed, when not given",
        HelpName = "FILE|FOLDER|-",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Write what was made to standard output as JSON" };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Show no progress and no last line" };
    private readonly Option<string?> _dump = new("--dump") { Description = "Write token ids, embeddings, timesteps and latents to a folder", HelpName = "FOLDER" };
    private readonly ServerOption _server = new(required: false);
    private readonly Option<bool> _detach = new("--detach") { Description = "With --server: submit a job, print its id and end" };
    private readonly Option<bool> _direct = new("--direct") { Description = "With --server: let the gateway do it at once, without a job" };

    public static Command Create() => Create("generate", "Makes pictures from a prompt", new RequestOptions());

    /// <summary>A command that makes pictures.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">What its help says.</param>
    /// <param name="request">The options that are fields of the request.</param>
    public static Command Create(string name, string description, RequestOptions request)
    {
        var generate = new GenerateCommand(request);
        var command = new Command(name, description);
        request.AddTo(command);
        generate._model.AddTo(command);
        if (request.TakesAdapters)
        {
            command.Options.Add(generate._model.AdapterFolders);
        }
        command.Options.Add(generate._output);
        command.Options.Add(generate._json);
        command.Options.Add(generate._quiet);
        command.Options.Add(generate._dump);
        command.Options.Add(generate._server.Option);
        command.Options.Add(generate._detach);
        command.Options.Add(generate._direct);
        command.SetAction(generate.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        // Ctrl-C is listened to from the first yield on.
        await Task.Yield();
        return await (_server.IsGiven(parsed) ? RunByServerAsync(parsed, cancellationToken) : RunHereAsync(parsed, cancellationToken));
    }

    private async Task<int> RunHereAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet);
        string? dump = parsed.GetValue(_dump);
        var faults = new List<FieldFault>();
        SessionSettings settings = _model.Settings(parsed, faults);
        RequireServer(parsed, faults);
        var files = new PictureFiles(parsed.GetValue(_output));
        var report = new GenerationReport(files);
        JsonObject asked = options.Build(parsed, parsed.GetValue(_model.Model), files.NamedFormat);
        GenerationRequest request = Read(asked, faults);
        int pictures = request.Seeds?.Count ?? request.Count;
        CheckOutput(files, asked, json, pictures, faults);
        if (request.Preview is not null)
        {
            faults.Add(new FieldFault("preview", "is for a gateway (--server), which shows pictures on the way"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }

        ModelCatalog catalog = _model.Catalog(parsed);
        string? precision = parsed.GetValue(_model.Precision);
        ModelFolder[] models = Open(request, catalog, precision, faults);
        AdapterCatalog adapters = _model.Adapters(parsed);
        if (request.Adapters is { } named)
        {
            adapters.Open(named, faults);
        }
        RequestFiles given = options.Files(parsed);
        RequestImages pictured = await RequestImages.ReadAsync(request, named => given.FindAsync(named, cancellationToken), faults);
        if (models.Length == 0)
        {
            throw new FieldFaultException(faults);
        }
        // What can be refused is refused before graphs of gigabytes are loaded.
        Resolve(request, pictured, models, faults);
        files.Prepare();
        if (dump is not null)
        {
            PictureFiles.RequireFolder("--dump", dump);
        }

        var images = new List<GeneratedImage>();
        ResolvedRequest resolved;
        using (ImageGenerator generator = await ImageGenerator.LoadAsync(models, settings, adapters, cancellationToken))
        {
            resolved = generator.Resolve(request, pictured);
            using IGenerationProgress progress = Progress(quiet, pictures);
            await foreach (GeneratedImage image in generator.GenerateAsync(
                resolved, given.Known, progress, static message => Console.Error.WriteLine("warning: " + message), cancellationToken))
            {
                report.Write(
                    () => files.Name(image.Index, pictures, options.NameOf(parsed) ?? resolved.Prompt, image.Seed, request.Output.Format), image.File, image.Seed, image.Pixels.Width, image.Pixels.Height);
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
        report.Finish(resolved.Model, json, quiet);
        return ExitCode.Success;
    }

    private async Task<int> RunByServerAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet), detach = parsed.GetValue(_detach);
        var faults = new List<FieldFault>();
        foreach (Option local in (Option[])[_model.Folders, _model.Precision, _model.AdapterFolders, _model.Threads, _model.Device, _dump])
        {
            if (IsGiven(parsed, local))
            {
                faults.Add(new FieldFault(local.Name, "is for pictures made on this machine; it cannot be given with --server"));
            }
        }
        var files = new PictureFiles(parsed.GetValue(_output));
        var report = new GenerationReport(files);
        JsonObject asked = options.Build(parsed, parsed.GetValue(_model.Model), files.NamedFormat);
        GenerateRequest request = ReadMessage(asked, faults);
        request.Detach |= detach;
        request.Direct |= parsed.GetValue(_direct);
        int pictures = request.Seeds.Count > 0 ? request.Seeds.Count : request.HasCount ? request.Count : 1;
        if (!detach)
        {
            CheckOutput(files, asked, json, pictures, faults);
        }
        else if (IsGiven(parsed, _output))
        {
            faults.Add(new FieldFault("--output", "cannot be given with --detach; \"brownian jobs get ID -o ...\" fetches the pictures"));
        }
        if (detach && request.Direct)
        {
            faults.Add(new FieldFault("--direct", "cannot be given with --detach: there is no job to come back to"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        return await _server.CallAsync(
            parsed,
            async client =>
            {
                await options.Files(parsed).UploadAsync(asked, client, cancellationToken);
                request = ReadMessage(asked, []);
                (request.Detach, request.Direct) = (detach, request.Direct || parsed.GetValue(_direct));
                if (detach)
                {
                    Job job = await client.Generation.SubmitAsync(request, cancellationToken: cancellationToken);
                    Console.Out.WriteLine(json ? JobText.Json(job) : job.Id);
                    return ExitCode.Success;
                }
                files.Prepare();
                string? model;
                using (IGenerationProgress progress = Progress(quiet, pictures))
                {
                    model = await new RemoteGeneration(client, files, report).RunAsync(request, options.NameOf(parsed) ?? request.Prompt, pictures, progress, cancellationToken);
                }
                report.Finish(model, json, quiet);
                return ExitCode.Success;
            },
            cancellationToken);
    }

    /// <summary>The request's models; none, and a fault, where it names none and there is not one that it must mean.</summary>
    private static ModelFolder[] Open(GenerationRequest request, ModelCatalog catalog, string? precision, List<FieldFault> faults)
    {
        if (request is not { Task: RequestTask.Upscale, Model: null })
        {
            return [.. request.ModelNames.Select(name => catalog.Open(name, precision))];
        }
        string[] found = [.. catalog.List().Where(model => Enlarges(model.Folder)).Select(model => model.Name)];
        if (found is [var only])
        {
            return [catalog.Open(only, precision)];
        }
        faults.Add(new FieldFault("model", found.Length == 0
            ? $"is missing; no model that makes pictures larger is found in {string.Join(", ", catalog.Folders)}"
            : $"is missing; allowed: {string.Join(", ", found)}"));
        return [];
    }

    private static bool Enlarges(string folder)
    {
        try
        {
            return ModelFamilies.Enlarges(ModelFamilies.Read(ModelFolder.Open(folder)));
        }
        catch (ModelException)
        {
            return false;
        }
    }

    private static IGenerationProgress Progress(bool quiet, int pictures) => quiet ? new NoProgress()
        : Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb" ? new LineProgress(pictures)
        : new BarProgress(pictures);

    private static void CheckOutput(PictureFiles files, JsonObject asked, bool json, int pictures, List<FieldFault> faults)
    {
        if (json && files.IsStandardOutput)
        {
            faults.Add(new FieldFault("--json", "cannot be given with -o -: both would write to standard output"));
        }
        if (files.IsStandardOutput && pictures > 1)
        {
            faults.Add(new FieldFault("--output", $"- takes one picture; {pictures} were asked for"));
        }
        if (files.NeedsFormat && asked["output"]?["format"] is null)
        {
            faults.Add(new FieldFault("--output", "has no ending that says a format; allowed: .png, .jpg, .webp, or --format"));
        }
    }

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is OptionResult { Implicit: false };

    private void RequireServer(ParseResult parsed, List<FieldFault> faults)
    {
        foreach (Option<bool> remote in (Option<bool>[])[_detach, _direct])
        {
            if (parsed.GetValue(remote))
            {
                faults.Add(new FieldFault(remote.Name, "needs --server"));
            }
        }
    }

    /// <summary>
    /// The request as a message. Where a field is of no type that a message could carry, the gateway cannot be asked for the other faults:
    /// the request's reader says them.
    /// </summary>
    private static GenerateRequest ReadMessage(JsonObject asked, List<FieldFault> faults)
    {
        try
        {
            return RequestMessage.Read(asked);
        }
        catch (FieldFaultException exception)
        {
            var all = new List<FieldFault>(faults);
            try
            {
                RequestReader.Read(asked);
            }
            catch (FieldFaultException read)
            {
                all.AddRange(read.Faults);
            }
            all.AddRange(exception.Faults.Where(fault => all.All(other => other.Field != fault.Field)));
            throw new FieldFaultException(all);
        }
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

    /// <summary>Says every fault at once: of the pictures, and of what the models are asked.</summary>
    private static void Resolve(GenerationRequest request, RequestImages images, ModelFolder[] models, List<FieldFault> faults)
    {
        try
        {
            ModelFamilies.Resolve(request, images, [.. models.Select(model => ModelCard.Of(model, ModelFamilies.Read(model)))]);
        }
        catch (FieldFaultException exception)
        {
            throw new FieldFaultException([.. faults, .. exception.Faults]);
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
    }
}
