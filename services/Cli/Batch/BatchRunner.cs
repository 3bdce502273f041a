using System.Text.Json.Nodes;
using Brownian.Cli.Output;
using Brownian.Cli.Remote;
using Brownian.Cli.Requests;
using Brownian.Client;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Inference;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Stages;
using Brownian.Requests;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Cli.Batch;

/// <summary>
/// Runs the requests of a batch, here or at a gateway. All of them are validated before the first one runs. A request that fails leaves the others
/// alone.
/// </summary>
/// <param name="requests">The requests.</param>
/// <param name="folder">The folder of the images.</param>
/// <param name="log">The folder's log.</param>
/// <param name="given">Reads the files that requests name.</param>
/// <param name="report">Reports what was made.</param>
/// <param name="quiet">Whether nothing is shown.</param>
internal sealed class BatchRunner(
    IReadOnlyList<BatchRequest> requests, string folder, BatchLog log, RequestFiles given, GenerationReport report, bool quiet)
{
    /// <summary>The number of requests that a gateway runs at once, so that its workers can batch them.</summary>
    private const int AtOnce = 4;

    /// <summary>The longest time for which a quota is waited for.</summary>
    private static readonly TimeSpan MaxPause = TimeSpan.FromMinutes(5);

    /// <summary>The number of faults that are shown.</summary>
    private const int MaxFaults = 20;

    private readonly List<string> _failures = [];
    private readonly Dictionary<int, IReadOnlyList<string>> _files = [];
    private readonly Lock _lock = new();

    /// <summary>The requests that failed, each with the reason.</summary>
    public IReadOnlyList<string> Failures => _failures;

    /// <summary>The number of requests that an earlier run had finished.</summary>
    public int Skipped { get; private set; }

    /// <summary>Returns the images of all finished requests, of earlier runs, too, each with its label and its file.</summary>
    public IEnumerable<(string File, string Label)> Images() =>
        requests.Where(request => _files.ContainsKey(request.Index))
            .SelectMany(request => _files[request.Index].Select(file => (Path.Combine(folder, file), request.Label)));

    /// <summary>Runs the requests here.</summary>
    /// <param name="local">Validates requests.</param>
    /// <param name="load">Loads models.</param>
    /// <param name="progress">Creates the progress of a request of a number of images.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <exception cref="FieldFaultException">Requests are invalid; contains every fault.</exception>
    public async Task RunAsync(
        LocalRequests local, Func<ModelFolder[], CancellationToken, Task<ImageGenerator>> load, Func<int, IGenerationProgress> progress,
        CancellationToken cancellationToken)
    {
        await CheckAsync(async (request, faults) => await PrepareAsync(request, local, faults, cancellationToken));
        log.Begin();
        ImageGenerator? generator = null;
        string? loaded = null;
        try
        {
            foreach (BatchRequest request in Left())
            {
                await TryAsync(request, async () =>
                {
                    PreparedRequest prepared = await PrepareAsync(request, local, [], cancellationToken);
                    string models = string.Join('\n', prepared.Models.Select(model => model.FolderPath));
                    if (generator is null || models != loaded)
                    {
                        generator?.Dispose();
                        generator = null;
                        generator = await load(prepared.Models, cancellationToken);
                        loaded = models;
                    }
                    ResolvedRequest resolved = generator.Resolve(prepared.Request, prepared.Images);
                    int count = resolved.Seeds.Count;
                    ImageFiles files = FilesOf(request, prepared.Request.Output.Format);
                    var names = new List<string>();
                    using IGenerationProgress shown = progress(count);
                    await foreach (GeneratedImage image in generator.GenerateAsync(resolved, given.Known, shown, report.Warn, cancellationToken))
                    {
                        string name = files.Name(image.Index, count, "", image.Seed, prepared.Request.Output.Format);
                        report.Write(() => name, image.File, image.Seed, image.Pixels.Width, image.Pixels.Height);
                        names.Add(Path.GetFileName(name));
                    }
                    return names;
                });
            }
        }
        finally
        {
            generator?.Dispose();
        }
    }

    /// <summary>Runs the requests at a gateway.</summary>
    /// <param name="client">The gateway.</param>
    /// <param name="isDirect">Whether it runs them without jobs.</param>
    /// <param name="cancellationToken">Cancels the running jobs.</param>
    /// <exception cref="FieldFaultException">Requests have fields that are unknown, or of wrong types; contains every fault.</exception>
    public async Task RunAsync(BrownianClient client, bool isDirect, CancellationToken cancellationToken)
    {
        await CheckAsync((request, faults) =>
        {
            RequestReading.ReadMessage(request.Fields, faults);
            return Task.CompletedTask;
        });
        log.Begin();
        using var uploading = new SemaphoreSlim(1);
        await Parallel.ForEachAsync(
            Left(), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (request, stopped) => await TryAsync(request, async () =>
            {
                var fields = (JsonObject)request.Fields.DeepClone();
                await uploading.WaitAsync(stopped);
                try
                {
                    await given.UploadAsync(fields, client, stopped);
                }
                finally
                {
                    uploading.Release();
                }
                GenerateRequest message = RequestReading.ReadMessage(fields, []);
                message.Direct |= isDirect;
                if (!message.Direct && !message.HasIdempotencyKey)
                {
                    message.IdempotencyKey = $"{log.Batch}-{request.Stem}-{request.Key}";
                }
                ImageFormat format = ImageFormats.FormatOf("." + (fields["output"]?["format"]?.ToString() ?? "png")) ?? ImageFormat.Png;
                int count = RequestReading.ImagesOf(message, fields);
                ImageFiles files = FilesOf(request, format);
                await SendAsync(client, files, message, count, stopped);
                return [.. Enumerable.Range(0, count).Select(i => Path.GetFileName(files.Name(i, count, "", 0, format)))];
            }));
    }

    /// <summary>
    /// Runs a request at a gateway, and waits where a quota refuses it for a while. A gateway that is gone, or refuses the caller, ends the batch.
    /// </summary>
    private async Task SendAsync(
        BrownianClient client, ImageFiles files, GenerateRequest message, int count, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await new RemoteGeneration(client, files, report).RunAsync(message, "", count, new NoProgress(), cancellationToken);
                return;
            }
            catch (RpcException exception) when (
                exception.StatusCode == StatusCode.ResourceExhausted && BrownianClient.RetryAfterOf(exception) is { } pause && pause <= MaxPause)
            {
                await Task.Delay(pause, cancellationToken);
            }
            catch (RpcException exception) when (exception.StatusCode
                is not (StatusCode.Cancelled or StatusCode.Unavailable or StatusCode.Unauthenticated or StatusCode.PermissionDenied))
            {
                throw ServerOption.Translate(exception, "", cancellationToken);
            }
        }
    }

    /// <summary>Calls for every request, and reports the faults of all of them.</summary>
    private async Task CheckAsync(Func<BatchRequest, List<FieldFault>, Task> check)
    {
        var all = new List<FieldFault>();
        foreach (BatchRequest request in requests)
        {
            var faults = new List<FieldFault>();
            try
            {
                await check(request, faults);
            }
            catch (FieldFaultException exception)
            {
                faults = [.. exception.Faults];
            }
            all.AddRange(faults.Select(fault => fault with { Field = request.Where + fault.Field }));
        }
        // A fault of the options is one of every request.
        FieldFault[] different = [.. all.Distinct()];
        if (different.Length > 0)
        {
            throw new FieldFaultException(different.Length <= MaxFaults ? different
                : [.. different.Take(MaxFaults), new FieldFault("--from-file", $"has {different.Length - MaxFaults} further faults")]);
        }
    }

    private async Task<PreparedRequest> PrepareAsync(
        BatchRequest request, LocalRequests local, List<FieldFault> faults, CancellationToken cancellationToken)
    {
        JsonObject fields = await local.ExpandAsync((JsonObject)request.Fields.DeepClone(), quiet, cancellationToken);
        GenerationRequest read = RequestReading.Read(fields, faults);
        if (read.Preview is not null)
        {
            faults.Add(new FieldFault("preview", "is only for a gateway (--server)"));
        }
        if (read.StopAfter is not null)
        {
            faults.Add(new FieldFault("stop_after", "cannot be given for several requests"));
        }
        return await local.PrepareAsync(fields, read, given, faults, cancellationToken);
    }

    /// <summary>Returns the requests that no earlier run has finished.</summary>
    private List<BatchRequest> Left()
    {
        var left = new List<BatchRequest>();
        foreach (BatchRequest request in requests)
        {
            if (log.FindFiles(request) is { } files)
            {
                _files[request.Index] = files;
                Skipped++;
            }
            else
            {
                left.Add(request);
            }
        }
        return left;
    }

    private ImageFiles FilesOf(BatchRequest request, ImageFormat format) =>
        new(Path.Combine(folder, request.Stem + ImageFormats.Extension(format)));

    private async Task TryAsync(BatchRequest request, Func<Task<IReadOnlyList<string>>> run)
    {
        try
        {
            IReadOnlyList<string> files = await run();
            log.Add(request, files);
            lock (_lock)
            {
                _files[request.Index] = files;
                Show($"{string.Join(", ", files)} ({_files.Count}/{requests.Count}): {request.Label}");
            }
        }
        catch (Exception exception) when (exception is ServerException or DenoiseException or FieldFaultException or ModelException)
        {
            string failure = $"{(request.Where.Length > 0 ? request.Where : request.Stem + ": ")}{exception.Message}";
            lock (_lock)
            {
                _failures.Add(failure);
                Show(failure);
            }
        }
    }

    private void Show(string line)
    {
        if (!quiet)
        {
            Console.Error.WriteLine(line.ReplaceLineEndings(" "));
        }
    }
}
