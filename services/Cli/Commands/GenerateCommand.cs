using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Cli.Batch;
using Brownian.Cli.Output;
using Brownian.Cli.Remote;
using Brownian.Cli.Requests;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Inference;
using Brownian.Inference.Sessions;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian generate</c>: generates images from a prompt, on this machine or by a gateway.</summary>
/// <param name="options">The options for request fields.</param>
internal sealed class GenerateCommand(RequestOptions options)
{
    /// <summary>What running the graphs takes besides their weights, for a picture of 512 pixels and more.</summary>
    private const long RunBytes = 2L << 30;

    private readonly ModelOptions _model = new();
    private readonly BatchOptions _batch = new();
    private readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "A file, a folder (ending in /, or one that exists), or - for standard output; a name from the prompt or the "
            + "image's name, and the seed, when not given",
        HelpName = "FILE|FOLDER|-",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Write the results to standard output as JSON" };
    private readonly Option<bool> _quiet = new("--quiet", "-q")
    {
        Description = "Show no progress, warnings or summary; without -o the names of the files go to standard output",
    };
    private readonly Option<string?> _dump =
        new("--dump") { Description = "Write token ids, embeddings, timesteps and latents to a folder", HelpName = "FOLDER" };
    private readonly ServerOption _server = new(required: false);
    private readonly Option<string?> _stopAfter =
        new("--stop-after") { Description = "Stop after a stage and write its output to the file of --output (.safetensors)", HelpName = "STAGE" };
    private readonly Option<string?> _from =
        new("--from") { Description = "Continue from a file of --stop-after; other options change later stages", HelpName = "FILE" };
    private readonly Option<bool> _unload =
        new("--unload-stages") { Description = "Unload the graphs of each stage after it, so that memory holds one stage at a time" };
    private readonly Option<bool?> _lowMemory = new("--low-memory")
    {
        Description = "Unload the graphs of each stage after it, and run guidance's passes one after the other (default: when memory is short)",
        HelpName = "true|false",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<bool> _detach = new("--detach") { Description = "With --server: submit a job, print its id and end" };
    private readonly Option<bool> _direct = new("--direct") { Description = "With --server: the gateway generates at once, without a job" };

    public static Command Create() => Create("generate", "Generates images from a prompt", new RequestOptions()).WithExamples(
        "brownian generate \"red apple, flat\" --seed 7 -o apple.png",
        "brownian generate \"pear, flat\" --init-image apple.png --strength 0.5 -o pear.png",
        "brownian generate \"green apple, flat\" --count 4 --steps 30 --guidance 5 -o apples/");

    /// <summary>Creates a command that makes images.</summary>
    /// <param name="name">The command's name.</param>
    /// <param name="description">The description in its help.</param>
    /// <param name="request">The options for request fields.</param>
    public static Command Create(string name, string description, RequestOptions request)
    {
        var generate = new GenerateCommand(request);
        var command = new Command(name, description);
        request.AddTo(command);
        generate._model.AddTo(command);
        if (request.Draws)
        {
            command.Options.Add(generate._model.AdapterFolders.In(HelpGroup.Model));
            command.Options.Add(generate._stopAfter.In(HelpGroup.Advanced));
            command.Options.Add(generate._from.In(HelpGroup.Advanced));
        }
        command.Options.Add(generate._output.In(HelpGroup.Output));
        command.Options.Add(generate._json.In(HelpGroup.Output));
        command.Options.Add(generate._quiet.In(HelpGroup.Output));
        command.Options.Add(generate._dump.In(HelpGroup.Advanced));
        command.Options.Add(generate._unload.In(HelpGroup.Advanced));
        command.Options.Add(generate._lowMemory.In(HelpGroup.Model));
        if (name == "generate")
        {
            generate._batch.AddTo(command);
        }
        generate._server.AddTo(command, HelpGroup.Server);
        command.Options.Add(generate._detach.In(HelpGroup.Server));
        command.Options.Add(generate._direct.In(HelpGroup.Server));
        command.SetAction(generate.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        // Ctrl-C is handled only after the first yield.
        await Task.Yield();
        try
        {
            return await (_batch.IsSet(parsed) ? RunBatchAsync(parsed, cancellationToken)
                : _server.IsSet(parsed) ? RunByServerAsync(parsed, cancellationToken)
                : RunHereAsync(parsed, cancellationToken));
        }
        catch (FieldFaultException exception)
        {
            // A caller that gave no such value would not know where it comes from.
            throw new FieldFaultException(
                [.. exception.Faults.Select(fault => fault with { Message = fault.Message + options.OriginOf(fault.Field) })]);
        }
        catch (ModelException exception) when (options.OriginOf("model") is { Length: > 0 } origin)
        {
            throw new ModelException(exception.Message + origin, exception);
        }
    }

    private async Task<int> RunHereAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet);
        string? dump = parsed.GetValue(_dump);
        var faults = new List<FieldFault>();
        SessionSettings settings = _model.Settings(parsed, faults);
        RequireServer(parsed, faults);
        PartialResult? kept = ReadKept(parsed.GetValue(_from));
        string? stop = parsed.GetValue(_stopAfter);
        string? output = parsed.GetValue(_output);
        // A partial result is not an image, so its file name determines no image format.
        var files = new ImageFiles(stop is null ? output : null);
        var report = new GenerationReport(files, json, quiet);
        JsonObject built = options.Build(parsed, parsed.GetValue(_model.Model), files.NamedFormat, kept?.Request);
        AdapterCatalog adapters = _model.Adapters(parsed);
        var local = new LocalRequests(_model.Catalog(parsed), adapters, parsed.GetValue(_model.Precision)) { Like = options.Like };
        JsonObject requested = await local.ExpandAsync(built, quiet, cancellationToken);
        if (stop is not null)
        {
            requested["stop_after"] = stop;
        }
        GenerationRequest request = RequestReading.Read(requested, faults);
        int imageCount = RequestReading.ImagesOf(request);
        if (request.StopAfter is null)
        {
            CheckOutput(files, requested, json, imageCount, faults);
        }
        else
        {
            CheckKept(output, kept, faults);
        }
        if (request.Preview is not null)
        {
            faults.Add(new FieldFault("preview", "is only for a gateway (--server)"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }

        RequestFiles given = options.Files(parsed);
        (request, ModelFolder[] models, RequestImages imaged, _) = await local.PrepareAsync(requested, request, given, faults, cancellationToken);
        options.Like?.Warn(report.Warn);
        if (request.StopAfter is null)
        {
            files.Prepare();
        }
        if (dump is not null)
        {
            ImageFiles.RequireFolder("--dump", dump);
        }

        var images = new List<GeneratedImage>();
        ResolvedRequest resolved;
        using (ImageGenerator generator = await LoadAsync(parsed, models, settings, adapters, quiet, cancellationToken))
        {
            resolved = generator.Resolve(request, imaged);
            using IGenerationProgress progress = Progress(quiet, imageCount);
            if (request.StopAfter is not null)
            {
                PartialResult made = await generator.StopAsync(resolved, given.Known, progress, report.Warn, cancellationToken);
                await KeepAsync(made with { Request = ToResumable(requested, models, resolved, given) }, output!, "", quiet, cancellationToken);
                return ExitCode.Success;
            }
            await foreach (GeneratedImage image in generator.GenerateAsync(resolved, given.Known, progress, report.Warn, cancellationToken, kept))
            {
                report.Write(
                    () =>
                        files.Name(image.Index, imageCount, options.NameOf(parsed) ?? resolved.Prompt, image.Seed, request.Output.Format), image.File,
                        image.Seed, image.Pixels.Width, image.Pixels.Height);
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
        report.Finish(resolved.Model);
        return ExitCode.Success;
    }

    /// <summary>Loads models, and spares memory where it is short.</summary>
    private Task<ImageGenerator> LoadAsync(
        ParseResult parsed, ModelFolder[] models, SessionSettings settings, AdapterCatalog adapters, bool quiet, CancellationToken cancellationToken)
    {
        bool isShort = IsLowMemory(parsed, models, quiet), unloads = isShort || parsed.GetValue(_unload);
        return ImageGenerator.LoadAsync(models, isShort ? settings with { RowsPerRun = 1 } : settings, adapters, cancellationToken, unloads);
    }

    /// <summary>Runs several requests.</summary>
    private async Task<int> RunBatchAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet), isRemote = _server.IsSet(parsed);
        var faults = new List<FieldFault>();
        foreach (Option single in (Option[])[_stopAfter, _from, _dump, _detach])
        {
            if (IsSet(parsed, single))
            {
                faults.Add(new FieldFault(single.Name, "cannot be given for several requests"));
            }
        }
        string? folder = parsed.GetValue(_output);
        if (folder is null or "" or "-" || !(Path.EndsInDirectorySeparator(folder) || Directory.Exists(folder)))
        {
            faults.Add(FieldFault.Of("--output", folder ?? "none", "for several requests a folder, such as images/"));
        }
        string? sheet = _batch.SheetOf(parsed);
        if (sheet is not null && ImageFormats.FormatOf(sheet) is null)
        {
            faults.Add(FieldFault.Of("--sheet", sheet, "a file name that ends in .png, .jpg or .webp"));
        }
        if (isRemote)
        {
            RequireNothingLocal(parsed, faults);
        }
        else
        {
            RequireServer(parsed, faults);
        }
        SessionSettings settings = isRemote ? new SessionSettings() : _model.Settings(parsed, faults);
        JsonObject common = options.Build(parsed, parsed.GetValue(_model.Model), null, needsPrompt: !_batch.HasPrompts(parsed));
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        using var log = BatchLog.Read(folder!);
        IReadOnlyList<BatchRequest> requests = _batch.Plan(parsed, common, log.Batch, faults);
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        var report = new GenerationReport(new ImageFiles(folder), json, quiet);
        var runner = new BatchRunner(requests, folder!, log, options.Files(parsed, _batch.FileOf(parsed)), report, quiet);
        if (isRemote)
        {
            options.Like?.LeaveInversions(common);
            options.Like?.Warn(report.Warn);
            await _server.CallAsync(
                parsed,
                async client =>
                {
                    await runner.RunAsync(client, parsed.GetValue(_direct), cancellationToken);
                    return ExitCode.Success;
                },
                cancellationToken);
        }
        else
        {
            AdapterCatalog adapters = _model.Adapters(parsed);
            var local = new LocalRequests(_model.Catalog(parsed), adapters, parsed.GetValue(_model.Precision)) { Like = options.Like };
            await runner.RunAsync(
                local, (models, stop) => LoadAsync(parsed, models, settings, adapters, quiet, stop),
                // Elsewhere a line for each request is enough.
                images => !quiet && IsTerminal ? new BarProgress(images) : new NoProgress(), cancellationToken);
            options.Like?.Warn(report.Warn);
        }
        if (sheet is not null)
        {
            BatchSheet.Write(sheet, runner.Images(), _batch.Columns);
        }
        report.FinishBatch(runner.Skipped, runner.Failures);
        return runner.Failures.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private static PartialResult? ReadKept(string? file)
    {
        if (file is null)
        {
            return null;
        }
        try
        {
            return PartialResult.Read(InputFile.ReadAll(file, "--from"), Path.GetFileName(file));
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("--from", $"{file} cannot be read: {exception.Message}"));
        }
    }

    /// <summary>Converts a request that was made on this machine to one for a gateway, where models have their folders' names.</summary>
    private static JsonObject? Served(JsonObject? request)
    {
        var served = (JsonObject?)request?.DeepClone();
        if (served?["model"] is { } model)
        {
            served["model"] = model is JsonArray all ? new JsonArray([.. all.Select(Name)]) : Name(model);
        }
        return served;

        static JsonNode? Name(JsonNode? model) =>
            model is JsonValue value && value.TryGetValue(out string? path)
                ? Path.GetFileName(Path.TrimEndingDirectorySeparator(path))
                : model?.DeepClone();
    }

    private static void CheckKept(string? output, PartialResult? kept, List<FieldFault> faults)
    {
        if (kept is not null)
        {
            faults.Add(new FieldFault("--from", "cannot be given with --stop-after"));
        }
        if (output is null || Path.GetExtension(output) != ".safetensors")
        {
            faults.Add(FieldFault.Of("--output", output ?? "none", "a file that ends in .safetensors, with --stop-after"));
        }
    }

    /// <summary>
    /// Returns the request as the user gave it, with its seeds, and with full paths of files, so that it can be resumed from any folder on this
    /// machine.
    /// </summary>
    private static JsonObject ToResumable(JsonObject requested, ModelFolder[] models, ResolvedRequest resolved, RequestFiles given)
    {
        JsonObject request = PartialResult.ToResumable(requested, resolved, [.. models.Select(model => model.FolderPath)]);
        given.Locate(request);
        return request;
    }

    private static async Task KeepAsync(PartialResult kept, string output, string where, bool quiet, CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);
            await File.WriteAllBytesAsync(output, kept.ToBytes(), cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault("--output", $"{output} cannot be written: {FileReason.Of(exception, output)}"));
        }
        if (!quiet)
        {
            Console.Error.WriteLine($"{output} contains the output of {kept.StopAfter}; continue with: brownian generate --from {output}{where}");
        }
    }

    /// <summary>Returns whether memory is spared: by the option, or because the models would fill the memory that the process may have.</summary>
    private bool IsLowMemory(ParseResult parsed, ModelFolder[] models, bool quiet)
    {
        if (parsed.GetResult(_lowMemory) is OptionResult { Implicit: false })
        {
            return parsed.GetValue(_lowMemory) ?? true;
        }
        long graphs = models.SelectMany(model => model.Graphs.Values).Sum(graph => graph.Bytes);
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        bool isShort = graphs + RunBytes > available;
        if (isShort && !quiet)
        {
            string facts = string.Create(
                CultureInfo.InvariantCulture, $"the graphs take {graphs / 1e9:0.0} GB, and this process may have {available / 1e9:0.0} GB");
            Console.Error.WriteLine(
                $"{facts}: one stage is in memory at a time, and guidance's passes run one after the other; \"--low-memory false\" turns that off");
        }
        return isShort;
    }

    private async Task<int> RunByServerAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet), detach = parsed.GetValue(_detach);
        var faults = new List<FieldFault>();
        RequireNothingLocal(parsed, faults);
        string? left = parsed.GetValue(_from);
        PartialResult? kept = ReadKept(left);
        string? stop = parsed.GetValue(_stopAfter), output = parsed.GetValue(_output);
        var files = new ImageFiles(stop is null ? output : null);
        var report = new GenerationReport(files, json, quiet);
        JsonObject requested = options.Build(parsed, parsed.GetValue(_model.Model), files.NamedFormat, Served(kept?.Request));
        if (stop is not null)
        {
            requested["stop_after"] = stop;
        }
        stop = requested["stop_after"] is JsonValue raw && raw.TryGetValue(out string? stage) ? stage : null;
        GenerateRequest request = RequestReading.ReadMessage(requested, faults);
        request.Detach |= detach;
        request.Direct |= parsed.GetValue(_direct);
        int imageCount = RequestReading.ImagesOf(request, requested);
        if (stop is not null && !detach)
        {
            CheckKept(output, kept, faults);
        }
        else if (!detach)
        {
            CheckOutput(files, requested, json, imageCount, faults);
        }
        else if (IsSet(parsed, _output))
        {
            faults.Add(new FieldFault("--output", "cannot be given with --detach; \"brownian jobs get ID -o ...\" fetches the images"));
        }
        if (detach && request.Direct)
        {
            faults.Add(new FieldFault("--direct", "cannot be given with --detach: a direct call creates no job"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        options.Like?.LeaveInversions(requested);
        options.Like?.Warn(report.Warn);
        return await _server.CallAsync(
            parsed,
            async client =>
            {
                await options.Files(parsed).UploadAsync(requested, client, cancellationToken);
                if (left is not null)
                {
                    using FileStream file = File.OpenRead(left);
                    requested["from"] = (await client.UploadAsync(file, cancellationToken)).Id;
                }
                request = RequestReading.ReadMessage(requested, []);
                (request.Detach, request.Direct) = (detach, request.Direct || parsed.GetValue(_direct));
                if (detach)
                {
                    Job job = await client.Generation.SubmitAsync(request, cancellationToken: cancellationToken);
                    foreach (string warning in job.Warnings)
                    {
                        report.Warn(warning);
                    }
                    Console.Out.WriteLine(json ? JobText.Json(job) : job.Id);
                    return ExitCode.Success;
                }
                string? model;
                if (stop is not null)
                {
                    using IGenerationProgress waiting = Progress(quiet, imageCount);
                    byte[] made = await new RemoteGeneration(client, files, report).KeepAsync(request, waiting, cancellationToken);
                    await KeepAsync(PartialResult.Read(made, output!), output!, " --server ...", quiet, cancellationToken);
                    return ExitCode.Success;
                }
                files.Prepare();
                using (IGenerationProgress progress = Progress(quiet, imageCount))
                {
                    model = await new RemoteGeneration(client, files, report)
                        .RunAsync(request, options.NameOf(parsed) ?? request.Prompt, imageCount, progress, cancellationToken);
                }
                report.Finish(model);
                return ExitCode.Success;
            },
            cancellationToken);
    }

    /// <summary>Whether standard error is a terminal that draws bars.</summary>
    private static bool IsTerminal => !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    private static IGenerationProgress Progress(bool quiet, int imageCount) => quiet ? new NoProgress()
        : IsTerminal ? new BarProgress(imageCount)
        : new LineProgress(imageCount);

    private static void CheckOutput(ImageFiles files, JsonObject requested, bool json, int imageCount, List<FieldFault> faults)
    {
        if (json && files.IsStandardOutput)
        {
            faults.Add(new FieldFault("--json", "cannot be given with -o -: both would write to standard output"));
        }
        if (files.IsStandardOutput && imageCount > 1)
        {
            faults.Add(new FieldFault("--output", $"- takes one image; {imageCount} are requested"));
        }
        if (files.NeedsFormat && requested["output"]?["format"] is null)
        {
            faults.Add(FieldFault.Of("--output", files.NamedFile, "a name that ends in .png, .jpg or .webp, or --format beside it"));
        }
    }

    private static bool IsSet(ParseResult parsed, Option option) => parsed.GetResult(option) is OptionResult { Implicit: false };

    private void RequireNothingLocal(ParseResult parsed, List<FieldFault> faults)
    {
        foreach (Option local in (Option[])
        [
            _model.Folders, _model.Precision, _model.AdapterFolders, _model.Threads, _model.Device, _model.Optimize, _dump, _unload, _lowMemory,
        ])
        {
            if (IsSet(parsed, local))
            {
                faults.Add(new FieldFault(local.Name, "is only for images that this machine generates; it cannot be given with --server"));
            }
        }
    }

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
}
