using System.Diagnostics;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Benchmarking;

/// <summary>
/// Measures the duration of a model's stages and the overhead that Brownian adds to them. The denoiser and a bare loop without scheduler, guidance or
/// noise alternately use the same sessions, threads and bindings in one process. Needs neither tokenizer nor scheduler.
/// </summary>
public static class ModelBenchmark
{
    /// <summary>The token window when no file states it.</summary>
    private const int UnstatedWindow = 77;

    /// <summary>Measures a model.</summary>
    /// <param name="model">A folder with unet and vae_decoder; text_encoder is measured when it exists.</param>
    /// <param name="session">The session settings.</param>
    /// <param name="settings">The benchmark's settings.</param>
    /// <param name="progress">Receives a description of the current action.</param>
    /// <param name="cancellationToken">Stops between evaluations and within one.</param>
    /// <exception cref="ModelException">A graph is missing or damaged.</exception>
    /// <exception cref="FieldFaultException">The model cannot generate such images.</exception>
    public static async Task<BenchmarkReport> RunAsync(
        ModelFolder model, SessionSettings session, BenchmarkSettings settings, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        ModelFacts facts = ModelFacts.Read(model);
        progress?.Report("loading");
        using LocalDenoiser denoiser = new(OnnxGraph.Load(model.Require("unet").File, session));
        using LocalVaeDecoder decoder = new(OnnxGraph.Load(model.Require("vae_decoder").File, session), facts.Scaling, facts.Tiling());
        (Tensor embedding, Distribution? encode) = Encode(model, session, denoiser, progress, cancellationToken);
        facts = facts.Complete(denoiser, decoder, embedding.Shape[1], embedding.Shape[2]);

        JsonObject scheduler = model.Scheduler ?? new JsonObject { ["_class_name"] = DdimScheduler.Descriptor.ClassName };
        int side = facts.SampleSize * facts.Scale!.Value;
        int width = settings.Width ?? model.Manifest.Defaults.Width ?? side, height = settings.Height ?? model.Manifest.Defaults.Height ?? side;
        FamilyRules.RequireSize(width, height, facts);
        DenoiseTask[] tasks =
        [
            .. Enumerable.Range(0, settings.Batch).Select(i => new DenoiseTask
            {
                LatentShape = [facts.Channels!.Value, height / facts.Scale.Value, width / facts.Scale.Value],
                Embedding = embedding,
                NegativeEmbedding = ClassifierFreeGuidance.IsActive(settings.GuidanceScale) ? embedding : null,
                GuidanceScale = settings.GuidanceScale,
                Scheduler = scheduler,
                Sampling = new SamplingOptions { Steps = settings.Steps },
                Seed = (ulong)i,
            }),
        ];
        return await denoiser.RunAsync(run => Measure(denoiser, decoder, tasks, settings, (width, height, encode), progress, run), cancellationToken)
            .ConfigureAwait(false);
    }

    private static (Tensor Embedding, Distribution? Times) Encode(
        ModelFolder model, SessionSettings session, LocalDenoiser denoiser, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        if (!model.Graphs.TryGetValue("text_encoder", out GraphFile? file))
        {
            int width = denoiser.Model.Embedding?.Fixed(2)
                ?? throw new ModelException(
                    $"{denoiser.Graph.File} does not state the width of its embeddings, and the folder has no text_encoder that states it");
            int tokens = denoiser.Model.Embedding?.Fixed(1) ?? UnstatedWindow;
            return (new Tensor(new float[tokens * width], [1, tokens, width]), null);
        }
        progress?.Report("text encoder");
        using var graph = new ClipTextGraph(OnnxGraph.Load(file.File, session));
        using var run = new TerminableRun(cancellationToken);
        var ids = new long[graph.FixedWindow ?? file.Integer("max_position_embeddings") ?? UnstatedWindow];
        Tensor embedding = graph.Run(ids, 0, run).Embedding;
        var times = new List<TimeSpan>();
        for (int i = 0; i < 10; i++)
        {
            long started = Stopwatch.GetTimestamp();
            graph.Run(ids, 0, run);
            times.Add(Stopwatch.GetElapsedTime(started));
        }
        return (embedding, Distribution.Of(times));
    }

    private static BenchmarkReport Measure(
        LocalDenoiser denoiser,
        LocalVaeDecoder decoder,
        DenoiseTask[] tasks,
        BenchmarkSettings settings,
        (int Width, int Height, Distribution? Encode) known,
        IProgress<string>? progress,
        TerminableRun run)
    {
        var steps = new List<TimeSpan>();
        var bareSteps = new List<TimeSpan>();
        var decodes = new List<TimeSpan>();
        var images = new List<TimeSpan>();
        var bareImages = new List<TimeSpan>();
        DenoiserBinding? binding = null;
        long allocated = 0, counted = 0;
        // The first round is a warm-up and is not counted. The two loops alternate in order between rounds.
        for (int round = 0; round <= settings.Rounds; round++)
        {
            progress?.Report($"round {round} of {settings.Rounds}");
            TimeSpan ours = TimeSpan.Zero, bare = TimeSpan.Zero;
            long started = Stopwatch.GetTimestamp();
            DenoiseRun[] runs = [.. tasks.Select(task => new DenoiseRun(task))];
            ours += Stopwatch.GetElapsedTime(started);
            var batch = new DenoiseBatch(runs, denoiser.Model.SharesTimestep);
            for (int step = 0; !runs[0].IsDone; step++)
            {
                bool oursFirst = (step + round) % 2 == 0;
                TimeSpan bareTime = oursFirst || binding is null ? TimeSpan.Zero : Bare(binding, run);
                long before = GC.GetAllocatedBytesForCurrentThread();
                started = Stopwatch.GetTimestamp();
                binding = denoiser.Evaluate(batch, run);
                TimeSpan time = Stopwatch.GetElapsedTime(started);
                long after = GC.GetAllocatedBytesForCurrentThread();
                bareTime = bareTime == TimeSpan.Zero ? Bare(binding, run) : bareTime;
                ours += time;
                bare += bareTime;
                if (round > 0)
                {
                    steps.Add(time);
                    bareSteps.Add(bareTime);
                    // A run's first step allocates the buffers that the others use.
                    allocated += step > 0 ? after - before : 0;
                    counted += step > 0 ? 1 : 0;
                }
            }
            foreach (DenoiseRun finished in runs)
            {
                Tensor latents = finished.Result().Latents;
                started = Stopwatch.GetTimestamp();
                Tensor decoded = decoder.Run(latents, run);
                TimeSpan decode = Stopwatch.GetElapsedTime(started);
                PixelImage.FromModel(decoded.Values, decoded.Shape[3], decoded.Shape[2]);
                ours += Stopwatch.GetElapsedTime(started);
                bare += decode;
                if (round > 0)
                {
                    decodes.Add(decode);
                }
            }
            if (round > 0)
            {
                images.Add(ours);
                bareImages.Add(bare);
            }
        }
        using var process = Process.GetCurrentProcess();
        return new BenchmarkReport
        {
            Width = known.Width,
            Height = known.Height,
            Scheduler = (string)tasks[0].Scheduler["_class_name"]!,
            Encode = known.Encode,
            Step = Distribution.Of(steps),
            BareStep = Distribution.Of(bareSteps),
            Decode = Distribution.Of(decodes),
            Image = Distribution.Of(images),
            BareImage = Distribution.Of(bareImages),
            AllocatedPerStep = counted == 0 ? 0 : (double)allocated / counted,
            PeakMemory = process.PeakWorkingSet64,
            OverheadMicroseconds = Distribution.Of([.. steps.Zip(bareSteps, (ours, bare) => ours - bare)]).Median.TotalMicroseconds,
        };
    }

    private static TimeSpan Bare(DenoiserBinding binding, TerminableRun run)
    {
        long started = Stopwatch.GetTimestamp();
        binding.Run(run);
        return Stopwatch.GetElapsedTime(started);
    }
}
