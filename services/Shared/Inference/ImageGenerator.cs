using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Inference;

/// <summary>Runs the plans of requests on models in this process.</summary>
public sealed class ImageGenerator : IDisposable
{
    private readonly LocalEngines _engines;
    private readonly IReadOnlyList<ModelCard> _cards;
    private readonly Dictionary<string, IStageRunner> _runners;
    private readonly bool _unloads;

    private ImageGenerator(LocalEngines engines, IReadOnlyList<ModelCard> cards, bool unloads)
    {
        (_engines, _cards, _unloads) = (engines, cards, unloads);
        _runners = StageRunners.All(engines).ToDictionary(runner => runner.Kind);
    }

    /// <summary>The models' cards, with facts measured where the files omit them.</summary>
    public IReadOnlyList<ModelCard> Models => _cards;

    /// <summary>The facts of the first model, measured where its files omit them.</summary>
    public ModelFacts Facts => _cards[0].Facts;

    /// <summary>Loads a model's graphs. The graph that encodes images is loaded on first use.</summary>
    /// <exception cref="ModelException">A part is missing, damaged or does not fit the others.</exception>
    public static Task<ImageGenerator> LoadAsync(ModelFolder model, SessionSettings settings, CancellationToken cancellationToken) =>
        LoadAsync([model], settings, AdapterCatalog.None, cancellationToken);

    /// <summary>Loads the graphs of a request's models. The graphs that encode images are loaded on first use.</summary>
    /// <param name="models">The models of <see cref="GenerationRequest.ModelNames"/>.</param>
    /// <param name="settings">The session settings.</param>
    /// <param name="adapters">The catalog of LoRAs, textual inversions and ControlNets.</param>
    /// <param name="cancellationToken">Stops between graphs.</param>
    /// <param name="unloads">
    /// Whether graphs are unloaded after each stage. Memory is then that of the largest graph, but several images load the graphs repeatedly.
    /// </param>
    /// <exception cref="ModelException">A part is missing, damaged or does not fit the others.</exception>
    public static async Task<ImageGenerator> LoadAsync(
        IReadOnlyList<ModelFolder> models, SessionSettings settings, AdapterCatalog adapters, CancellationToken cancellationToken,
        bool unloads = false)
    {
        var engines = new LocalEngines(models.DistinctBy(model => model.Name), settings, adapters: adapters);
        try
        {
            Task loading = unloads ? Task.CompletedTask
                : Task.WhenAll(models.Select(model => engines.LoadAsync(model.Name, cancellationToken)));
            var cards = new List<ModelCard>();
            foreach (ModelFolder model in models)
            {
                // The graphs do not change while this process runs them, so the fingerprint is not needed.
                cards.Add(await engines.DescribeFilesAsync(model.Name, cancellationToken).ConfigureAwait(false));
            }
            // Damaged graphs are reported before anything is generated, when all graphs may be loaded together.
            foreach (ModelFolder model in unloads ? [] : models)
            {
                await engines.RequireFitAsync(model.Name, cancellationToken).ConfigureAwait(false);
            }
            await loading.ConfigureAwait(false);
            if (unloads)
            {
                engines.Unload();
            }
            return new ImageGenerator(engines, cards, unloads);
        }
        catch
        {
            engines.Dispose();
            throw;
        }
    }

    /// <summary>Returns the number of token ids that the text encoder takes.</summary>
    public async Task<int> WindowAsync(CancellationToken cancellationToken)
    {
        using EngineLease<ITextEncoder> encoder = await _engines.TextEncoderAsync(_cards[0].Name, null, cancellationToken).ConfigureAwait(false);
        return ((ILocalTextEncoder)encoder.Engine).Window;
    }

    /// <summary>Resolves a request for these models.</summary>
    /// <exception cref="FieldFaultException">The request has faults; the exception contains all of them.</exception>
    public ResolvedRequest Resolve(GenerationRequest request) => Resolve(request, RequestImages.None);

    /// <summary>Resolves a request for these models.</summary>
    /// <param name="request">The request.</param>
    /// <param name="images">The images that the request names.</param>
    /// <exception cref="FieldFaultException">The request has faults; the exception contains all of them.</exception>
    public ResolvedRequest Resolve(GenerationRequest request, RequestImages images)
    {
        var faults = new List<FieldFault>();
        AdapterReferences? known = request.Adapters is { } adapters ? _engines.CheckAdapters(_cards[0].Name, adapters, faults) : null;
        request = _engines.Adapters.Open(request, _cards[0], faults);
        ResolvedRequest? resolved = null;
        try
        {
            resolved = ModelFamilies.Resolve(request with { Adapters = known }, images, _cards) with { Adapters = known };
        }
        catch (FieldFaultException exception)
        {
            faults.AddRange(exception.Faults);
        }
        return faults.Count == 0 ? resolved! : throw new FieldFaultException(faults);
    }

    /// <summary>Generates the images of a request without input images.</summary>
    /// <param name="request">The request, resolved for these models.</param>
    /// <param name="progress">Receives a report after every evaluation, counted over all denoising stages.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    public IAsyncEnumerable<GeneratedImage> GenerateAsync(
        ResolvedRequest request, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken) =>
        GenerateAsync(request, new Dictionary<string, ReadOnlyMemory<byte>>(), progress, null, cancellationToken);

    /// <summary>Generates the images of a request one after the other, so that an image's bytes do not depend on the other images.</summary>
    /// <param name="request">The request, resolved for these models.</param>
    /// <param name="files">The files of the request's images, by their ids.</param>
    /// <param name="progress">Receives a report after every evaluation.</param>
    /// <param name="warn">Receives warnings.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <param name="from">The partial result of an earlier run of the same request; null to start from the beginning.</param>
    /// <returns>The images in the order of the seeds, each as soon as it is finished.</returns>
    /// <exception cref="FieldFaultException">The partial result is of another request.</exception>
    public async IAsyncEnumerable<GeneratedImage> GenerateAsync(
        ResolvedRequest request,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files,
        IProgress<DenoiseProgress>? progress,
        Action<string>? warn,
        [EnumeratorCancellation] CancellationToken cancellationToken,
        PartialResult? from = null)
    {
        await foreach (
            (
                int image, _, Dictionary<string, object> trace, StageArtifact? artifact) in RunAsync(request, files, progress, warn, from, null,
                cancellationToken).ConfigureAwait(false))
        {
            yield return new GeneratedImage(image, request.Seeds[image], (PixelImage)trace["write.picture"], artifact!.Bytes, trace);
        }
    }

    /// <summary>Runs the first stages of a request and returns the outputs that the other stages need.</summary>
    /// <param name="request">The request, resolved for these models, with the stage after which to stop.</param>
    /// <param name="files">The files of the request's images, by their ids.</param>
    /// <param name="progress">Receives a report after every evaluation.</param>
    /// <param name="warn">Receives warnings.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <exception cref="FieldFaultException">The request's plan has no such stage.</exception>
    public async Task<PartialResult> StopAsync(
        ResolvedRequest request, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, IProgress<DenoiseProgress>? progress, Action<string>? warn,
        CancellationToken cancellationToken)
    {
        Plan plan = ModelFamilies.Plan(request, _cards);
        string name = request.Request.StopAfter!;
        int last = PartialResult.LastOf(plan, name);
        HashSet<string> wanted = PartialResult.WantedAfter(plan, last);
        var images = new List<IReadOnlyDictionary<string, List<StageValue>>>();
        await foreach (
            (_, Dictionary<string, List<StageValue>> outputs, _, _) in RunAsync(request, files, progress, warn, null, last, cancellationToken)
                .ConfigureAwait(false))
        {
            images.Add(outputs.Where(output => wanted.Contains(output.Key)).ToDictionary(StringComparer.Ordinal));
        }
        return new PartialResult(request.ToJson(), name, PartialResult.DoneOf(plan, last, request.Images), images);
    }

    /// <inheritdoc/>
    public void Dispose() => _engines.Dispose();

    /// <summary>Runs a plan's stages image by image.</summary>
    private async IAsyncEnumerable<(
        int Index, Dictionary<string, List<StageValue>> Outputs, Dictionary<string, object> Trace, StageArtifact? Artifact)> RunAsync(
        ResolvedRequest request,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files,
        IProgress<DenoiseProgress>? progress,
        Action<string>? warn,
        PartialResult? from,
        int? last,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (string warning in request.Warnings)
        {
            warn?.Invoke(warning);
        }
        Plan whole = ModelFamilies.Plan(request, _cards);
        int imageCount = request.Seeds.Count, first = from is null ? 0 : from.Require(whole, request) + 1;
        HashSet<string> sharedStages = Shared(whole, imageCount);
        int runs = whole.Stages.Count(stage => stage.Kind == StageKind.Denoise);
        var shared = new Dictionary<string, List<StageValue>>(StringComparer.Ordinal);
        var trace = new Dictionary<string, object>(StringComparer.Ordinal);
        for (int i = 0; i < imageCount; i++)
        {
            // Outputs that do not depend on the image were computed for the first one.
            var outputs = new Dictionary<string, List<StageValue>>(shared, StringComparer.Ordinal);
            foreach ((string output, List<StageValue> values) in from?.Images[i] ?? new Dictionary<string, List<StageValue>>())
            {
                outputs[output] = values;
            }
            var own = new Dictionary<string, object>(trace, StringComparer.Ordinal);
            StageArtifact? artifact = null;
            foreach (PlanStage stage in whole.Stages.Skip(first).Take((last ?? whole.Stages.Count - 1) + 1 - first))
            {
                bool isShared = sharedStages.Contains(stage.Name);
                if (isShared && i > 0)
                {
                    continue;
                }
                var context = new Context(
                    isShared ? stage : OfImage(stage, i), outputs, files, i, isShared, runs, own, progress, warn, made =>
                        artifact = made with { Index = i });
                await _runners[stage.Kind].RunAsync(context, cancellationToken).ConfigureAwait(false);
                if (isShared)
                {
                    // Only this stage's outputs, because stages between shared ones may depend on the image.
                    KeepOutputs(stage, outputs, shared);
                    KeepOutputs(stage, own, trace);
                }
                if (_unloads)
                {
                    _engines.Unload();
                }
            }
            yield return (i, outputs, own, artifact);
        }
    }

    /// <summary>Copies the outputs of a stage, whose keys begin with its name.</summary>
    private static void KeepOutputs<T>(PlanStage stage, Dictionary<string, T> made, Dictionary<string, T> kept)
    {
        foreach ((string name, T value) in made.Where(one => one.Key.StartsWith(stage.Name + ".", StringComparison.Ordinal)))
        {
            kept[name] = value;
        }
    }

    /// <summary>Returns the stages that run once for all images, because their outputs do not depend on the image.</summary>
    private static HashSet<string> Shared(Plan plan, int imageCount)
    {
        var shared = new HashSet<string>(StringComparer.Ordinal);
        foreach (PlanStage stage in plan.Stages)
        {
            bool isOne = stage.Kind is StageKind.TextEncode or StageKind.ImageEncode or StageKind.VaeEncode
                || (stage.Kind == StageKind.Denoise && imageCount > 1 && stage.Settings["seeds"] is JsonArray { Count: 1 });
            if (isOne && stage.Inputs.Values.All(source => shared.Contains(source.Split('.')[0])))
            {
                shared.Add(stage.Name);
            }
        }
        return shared;
    }

    /// <summary>Returns the stage for one image alone.</summary>
    private static PlanStage OfImage(PlanStage stage, int image)
    {
        var settings = (JsonObject)stage.Settings.DeepClone();
        foreach (string one in (string[])["seeds", "subseeds"])
        {
            if (settings[one] is JsonArray { Count: > 0 } all)
            {
                settings[one] = new JsonArray(all[image]!.DeepClone());
            }
        }
        return stage with { Settings = settings };
    }

    private sealed class Context(
        PlanStage stage,
        Dictionary<string, List<StageValue>> outputs,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files,
        int image,
        bool isShared,
        int runs,
        Dictionary<string, object> trace,
        IProgress<DenoiseProgress>? progress,
        Action<string>? warn,
        Action<StageArtifact> keep) : MemoryStageContext(stage, outputs)
    {
        public override async Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken)
        {
            // Latents of a request are one for all images, or one per image.
            IReadOnlyList<StageValue> all = await base.InputAsync(name, cancellationToken).ConfigureAwait(false);
            return all.Count > 1 && !isShared ? [all[image]] : all;
        }

        public override Task ReportAsync(StageProgress report, CancellationToken cancellationToken)
        {
            if (Stage.Kind == StageKind.Denoise)
            {
                (int step, int steps) = StepCount.At(Stage, report.Evaluation, report.Evaluations);
                progress?.Report(new DenoiseProgress(image, report.Evaluation, report.Evaluations, runs > 1 ? Stage.Name : "")
                {
                    Step = step,
                    Steps = steps,
                });
            }
            cancellationToken.ThrowIfCancellationRequested();
            return Task.CompletedTask;
        }

        public override Task WarnAsync(string message, CancellationToken cancellationToken)
        {
            warn?.Invoke(message);
            return Task.CompletedTask;
        }

        public override Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken)
        {
            keep(artifact);
            return Task.CompletedTask;
        }

        public override Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
            files.TryGetValue(id, out ReadOnlyMemory<byte> file) ? Task.FromResult(file) : throw new FieldFaultException(Missing(id));

        public override void Trace(string name, object value) => trace[$"{Stage.Name}.{name}"] = value;
    }
}
