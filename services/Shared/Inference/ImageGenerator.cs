using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Families;
using Brownian.Inference.Images;
using Brownian.Inference.Models;
using Brownian.Inference.Plans;
using Brownian.Inference.Requests;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;

namespace Brownian.Inference;

/// <summary>A request's models in this process, and the way of a request through its plan.</summary>
public sealed class ImageGenerator : IDisposable
{
    private readonly LocalEngines _engines;
    private readonly IReadOnlyList<ModelCard> _cards;
    private readonly Dictionary<string, IStageRunner> _runners;

    private ImageGenerator(LocalEngines engines, IReadOnlyList<ModelCard> cards)
    {
        (_engines, _cards) = (engines, cards);
        _runners = StageRunners.All(engines).ToDictionary(runner => runner.Kind);
    }

    /// <summary>The models' cards, measured where their files say nothing.</summary>
    public IReadOnlyList<ModelCard> Models => _cards;

    /// <summary>What is known of the first model, measured where its files say nothing.</summary>
    public ModelFacts Facts => _cards[0].Facts;

    /// <summary>Loads a model's graphs; the one that encodes pictures when it is needed.</summary>
    /// <exception cref="ModelException">A part is missing, damaged or does not fit the others.</exception>
    public static Task<ImageGenerator> LoadAsync(ModelFolder model, SessionSettings settings, CancellationToken cancellationToken) =>
        LoadAsync([model], settings, AdapterCatalog.None, cancellationToken);

    /// <summary>Loads the graphs of a request's models; those that encode pictures when they are needed.</summary>
    /// <param name="models">The models of <see cref="GenerationRequest.ModelNames"/>.</param>
    /// <param name="settings">How sessions are made.</param>
    /// <param name="adapters">Where LoRAs and textual inversions are.</param>
    /// <param name="cancellationToken">Stops between graphs.</param>
    /// <exception cref="ModelException">A part is missing, damaged or does not fit the others.</exception>
    public static async Task<ImageGenerator> LoadAsync(IReadOnlyList<ModelFolder> models, SessionSettings settings, AdapterCatalog adapters, CancellationToken cancellationToken)
    {
        var engines = new LocalEngines(models.DistinctBy(model => model.Name), settings, adapters: adapters);
        try
        {
            var cards = new List<ModelCard>();
            foreach (ModelFolder model in models)
            {
                // Whoever runs the graphs here knows that they are the same ones all the time.
                cards.Add((await engines.DescribeAsync(model.Name, cancellationToken).ConfigureAwait(false)) with { Fingerprint = "" });
            }
            // What is damaged is said before anything is made.
            foreach (ModelFolder model in models)
            {
                await engines.RequireFitAsync(model.Name, cancellationToken).ConfigureAwait(false);
            }
            return new ImageGenerator(engines, cards);
        }
        catch
        {
            engines.Dispose();
            throw;
        }
    }

    /// <summary>The number of token ids that the text encoder takes.</summary>
    public async Task<int> WindowAsync(CancellationToken cancellationToken)
    {
        using EngineLease<ITextEncoder> encoder = await _engines.TextEncoderAsync(_cards[0].Name, null, cancellationToken).ConfigureAwait(false);
        return ((ILocalTextEncoder)encoder.Engine).Window;
    }

    /// <summary>What a request means for these models.</summary>
    /// <exception cref="FieldFaultException">With every fault.</exception>
    public ResolvedRequest Resolve(GenerationRequest request) => Resolve(request, RequestImages.None);

    /// <summary>What a request means for these models.</summary>
    /// <param name="request">The request.</param>
    /// <param name="images">The pictures that it names.</param>
    /// <exception cref="FieldFaultException">With every fault.</exception>
    public ResolvedRequest Resolve(GenerationRequest request, RequestImages images)
    {
        ResolvedRequest resolved = ModelFamilies.Resolve(request, images, _cards);
        if (request.Adapters is { } adapters)
        {
            var faults = new List<FieldFault>();
            AdapterReferences? known = _engines.CheckAdapters(_cards[0].Name, adapters, faults);
            return faults.Count == 0 ? resolved with { Adapters = known } : throw new FieldFaultException(faults);
        }
        return resolved;
    }

    /// <summary>Makes the pictures of a request without pictures of its own.</summary>
    /// <param name="request">Resolved for these models.</param>
    /// <param name="progress">Told after every evaluation, counted over all denoising stages.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    public IAsyncEnumerable<GeneratedImage> GenerateAsync(ResolvedRequest request, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken) =>
        GenerateAsync(request, new Dictionary<string, ReadOnlyMemory<byte>>(), progress, null, cancellationToken);

    /// <summary>Makes the pictures of a request, one after the other, so that a picture's bytes do not depend on what it was asked with.</summary>
    /// <param name="request">Resolved for these models.</param>
    /// <param name="files">The files of the request's pictures, by their ids.</param>
    /// <param name="progress">Told after every evaluation.</param>
    /// <param name="warn">Told what is no error.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <returns>The pictures in the order of the seeds, each as soon as it is done.</returns>
    public async IAsyncEnumerable<GeneratedImage> GenerateAsync(
        ResolvedRequest request,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files,
        IProgress<DenoiseProgress>? progress,
        Action<string>? warn,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Plan whole = ModelFamilies.Plan(request, _cards);
        var shared = new Dictionary<string, List<StageValue>>(StringComparer.Ordinal);
        var trace = new Dictionary<string, object>(StringComparer.Ordinal);
        for (int i = 0; i < request.Seeds.Count; i++)
        {
            // What does not depend on the picture was made for the first one.
            var outputs = new Dictionary<string, List<StageValue>>(shared, StringComparer.Ordinal);
            var own = new Dictionary<string, object>(trace, StringComparer.Ordinal);
            StageArtifact? artifact = null;
            foreach (PlanStage stage in whole.Stages)
            {
                if (IsShared(stage) && i > 0)
                {
                    continue;
                }
                var context = new Context(OfPicture(stage, i), outputs, files, i, own, progress, warn, made => artifact = made with { Index = i });
                await _runners[stage.Kind].RunAsync(context, cancellationToken).ConfigureAwait(false);
                if (IsShared(stage))
                {
                    (shared, trace) = (new Dictionary<string, List<StageValue>>(outputs, StringComparer.Ordinal), new Dictionary<string, object>(own, StringComparer.Ordinal));
                }
            }
            yield return new GeneratedImage(i, request.Seeds[i], (PixelImage)own["write.picture"], artifact!.Bytes, own);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _engines.Dispose();

    private static bool IsShared(PlanStage stage) => stage.Kind is StageKind.TextEncode or StageKind.ImageEncode or StageKind.VaeEncode && stage.Inputs.Count == 0;

    /// <summary>The stage for one picture alone.</summary>
    private static PlanStage OfPicture(PlanStage stage, int picture)
    {
        var settings = (JsonObject)stage.Settings.DeepClone();
        foreach (string one in (string[])["seeds", "subseeds"])
        {
            if (settings[one] is JsonArray { Count: > 0 } all)
            {
                settings[one] = new JsonArray(all[picture]!.DeepClone());
            }
        }
        return stage with { Settings = settings };
    }

    private sealed class Context(
        PlanStage stage,
        Dictionary<string, List<StageValue>> outputs,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files,
        int picture,
        Dictionary<string, object> trace,
        IProgress<DenoiseProgress>? progress,
        Action<string>? warn,
        Action<StageArtifact> keep) : MemoryStageContext(stage, outputs)
    {
        public override async Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken)
        {
            // Latents that a request brings are one for all pictures, or one a picture.
            IReadOnlyList<StageValue> all = await base.InputAsync(name, cancellationToken).ConfigureAwait(false);
            return all.Count > 1 ? [all[picture]] : all;
        }

        public override Task ReportAsync(StageProgress report, CancellationToken cancellationToken)
        {
            if (Stage.Kind == StageKind.Denoise)
            {
                progress?.Report(new DenoiseProgress(picture, report.Evaluation, report.Evaluations));
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
            files.TryGetValue(id, out ReadOnlyMemory<byte> file) ? Task.FromResult(file) : throw new FieldFaultException(Gone(id));

        public override void Trace(string name, object value) => trace[$"{Stage.Name}.{name}"] = value;
    }
}
