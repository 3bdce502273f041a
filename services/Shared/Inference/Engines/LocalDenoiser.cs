using Brownian.Diffusion.Guidance;
using Brownian.Formats.Files;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;
using Brownian.Requests.References;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>A denoiser in this process: a UNet, a transformer, a prior.</summary>
public sealed class LocalDenoiser : IDenoiser, IDisposable
{
    private static readonly Dictionary<ControlNetReference, ControlNet> NoControlNets = [];

    private readonly EngineThread _thread = new("denoiser");
    private readonly ControlNets _controlNets;
    private readonly Lazy<DenoiserGraph>? _perturbed;

    /// <param name="graph">The denoiser's graph; disposed with this object.</param>
    /// <param name="perturbed">The same graph with perturbed self-attention, loaded when a run first needs it; null for none.</param>
    /// <exception cref="ModelException">The graph is not a denoiser.</exception>
    public LocalDenoiser(OnnxGraph graph, GraphFile? perturbed = null)
    {
        _perturbed = perturbed is null ? null : new Lazy<DenoiserGraph>(() => new DenoiserGraph(OnnxGraph.Load(perturbed.File, graph.Settings)));
        Model = new DenoiserGraph(graph);
        _controlNets = new ControlNets(Model);
    }

    /// <summary>The graph with its inputs and outputs.</summary>
    public OnnxGraph Graph => Model.Graph;

    internal DenoiserGraph Model { get; }

    /// <inheritdoc/>
    public Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken) =>
        DenoiseAsync(tasks, NoControlNets, progress, cancellationToken);

    /// <inheritdoc/>
    public IDenoising Begin(DenoiseTask task) => Begin(task, NoControlNets);

    /// <inheritdoc/>
    public IDenoising Restore(DenoiseTask task, ReadOnlyMemory<byte> state) => Restore(task, state, NoControlNets);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        if (_perturbed is { IsValueCreated: true })
        {
            _perturbed.Value.Dispose();
        }
        Model.Dispose();
    }

    /// <summary>See <see cref="IDenoiser"/>; with ControlNets.</summary>
    internal Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IReadOnlyDictionary<ControlNetReference, ControlNet> controlNets, IProgress<DenoiseProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(tasks.Count);
        DenoiseRun[] runs = [.. tasks.Select(task => Start(task, controlNets))];
        if (runs.Any(run => run.Size != runs[0].Size || !run.Task.LatentShape.SequenceEqual(runs[0].Task.LatentShape)
            || run.Task.Tiling != runs[0].Task.Tiling))
        {
            throw new ArgumentException("All tasks of a batch must have latents, windows and embeddings of one shape", nameof(tasks));
        }
        return RunAsync<IReadOnlyList<DenoiseResult>>(run => Denoise(runs, progress, run), cancellationToken);
    }

    /// <summary>Starts a run that the caller evaluates step by step.</summary>
    internal IDenoising Begin(DenoiseTask task, IReadOnlyDictionary<ControlNetReference, ControlNet> controlNets) =>
        new LocalDenoising(this, Start(task, controlNets));

    /// <summary>Resumes a run from the bytes of <see cref="IDenoising.Save"/>.</summary>
    internal IDenoising Restore(DenoiseTask task, ReadOnlyMemory<byte> state, IReadOnlyDictionary<ControlNetReference, ControlNet> controlNets) =>
        new LocalDenoising(this, Check(DenoiseRun.Restore(task, state), controlNets));

    /// <summary>Returns a run at its first evaluation.</summary>
    internal DenoiseRun Start(DenoiseTask task, IReadOnlyDictionary<ControlNetReference, ControlNet> controlNets) =>
        Check(new DenoiseRun(task), controlNets);

    /// <summary>Runs something on the engine's thread.</summary>
    internal Task<T> RunAsync<T>(Func<TerminableRun, T> work, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            return work(run);
        },
        cancellationToken);

    /// <summary>Runs one evaluation of every run that can share the next batch. Allocates nothing while the members stay the same.</summary>
    /// <param name="batch">A batch that is not done.</param>
    /// <param name="run">The means to run the graph.</param>
    internal DenoiserBinding Evaluate(DenoiseBatch batch, TerminableRun run)
    {
        batch.Gather();
        DenoiserBinding binding = Model.Bind(batch.Rows, batch.Members[0].Size);
        int row = 0;
        // Batches of one size share a binding, and another batch may have been evaluated in between.
        if (binding.EmbeddingsOwner != batch.Identity || batch.ChangesConditions)
        {
            binding.EmbeddingsOwner = null;
            foreach (DenoiseRun member in batch.Members)
            {
                member.Passes.CopyConditions(binding, row, Model.ExtraInputs);
                row += member.Rows;
            }
            binding.EmbeddingsOwner = batch.Identity;
        }
        row = 0;
        foreach (DenoiseRun member in batch.Members)
        {
            SetTimestep(binding, row, member);
            row += member.Rows;
        }
        if (batch.Members[0].Windows is { } windows)
        {
            EvaluateWindows(batch, binding, windows.Count, run);
            return binding;
        }
        row = 0;
        foreach (DenoiseRun member in batch.Members)
        {
            member.WriteInput(binding, row);
            row += member.Rows;
        }
        _controlNets.Apply(batch, binding, run);
        Execute(binding, batch.Members[0].Size, run);
        row = 0;
        foreach (DenoiseRun member in batch.Members)
        {
            if (member.IsPerturbed)
            {
                DenoiserGraph graph = _perturbed!.Value;
                DenoiserBinding perturbed = graph.Bind(1, member.Size);
                member.WritePerturbed(perturbed, binding, row, graph.ExtraInputs);
                Execute(perturbed, member.Size, run);
                member.TakePerturbed(perturbed);
            }
            row += member.Rows;
        }
        row = 0;
        foreach (DenoiseRun member in batch.Members)
        {
            // The next evaluation may have another number of passes.
            int rows = member.Rows;
            member.TakeOutput(binding, row);
            row += rows;
        }
        return binding;
    }

    /// <summary>Runs one evaluation with one run of the graph per window.</summary>
    private void EvaluateWindows(DenoiseBatch batch, DenoiserBinding binding, int windows, TerminableRun run)
    {
        foreach (DenoiseRun member in batch.Members)
        {
            member.Windows!.Begin(binding, member.Rows);
            member.WriteInput(member.Windows, 0);
        }
        for (int window = 0; window < windows; window++)
        {
            int row = 0;
            foreach (DenoiseRun member in batch.Members)
            {
                member.Windows!.Write(window, binding, row);
                row += member.Rows;
            }
            Execute(binding, batch.Members[0].Size, run);
            row = 0;
            foreach (DenoiseRun member in batch.Members)
            {
                member.Windows!.Add(window, binding, row);
                row += member.Rows;
            }
        }
        foreach (DenoiseRun member in batch.Members)
        {
            member.Windows!.End();
            member.TakeOutput(member.Windows, 0);
        }
    }

    /// <summary>Rejects a run with missing or unsupported inputs of the graph.</summary>
    private DenoiseRun Check(DenoiseRun run, IReadOnlyDictionary<ControlNetReference, ControlNet> controlNets)
    {
        _controlNets.Join(run, controlNets);
        if (Model.Pooled is not null != run.Task.Pooled is not null)
        {
            throw new ArgumentException($"{Graph.File} {(Model.Pooled is null ? "takes no" : "needs")} pooled embeddings and sizes", nameof(run));
        }
        if ((Model.TimeIds is null) == (run.Task.Pooled is { TimeIds.Count: > 0 }))
        {
            throw new ArgumentException($"{Graph.File} {(Model.TimeIds is null ? "takes no" : "needs")} sizes", nameof(run));
        }
        if (Model.Embedding is null != run.Task.Embedding is null)
        {
            throw new ArgumentException($"{Graph.File} {(Model.Embedding is null ? "takes no" : "needs")} embeddings", nameof(run));
        }
        if (Model.EmbedsGuidance == run.Task.GuidanceEmbedding is null)
        {
            throw new ArgumentException($"{Graph.File} {(Model.EmbedsGuidance ? "needs a" : "takes no")} guidance embedding", nameof(run));
        }
        if (Model.IsPacked && (run.Size.Height % 2 != 0 || run.Size.Width % 2 != 0))
        {
            throw new ArgumentException($"{Graph.File} takes latents of even sides, not {run.Size.Width}x{run.Size.Height}", nameof(run));
        }
        run.Size = run.Size with { ExtraInputs = Model.RowsOf(run.Task) };
        if (run.IsPerturbed && _perturbed is null)
        {
            throw new ArgumentException($"{Graph.File} has no graph with perturbed self-attention beside it", nameof(run));
        }
        if (run.Task.Guidance.Method == GuidanceMethod.CfgPlusPlus && !run.Scheduler.TakesUnconditional)
        {
            throw new ArgumentException($"{run.Scheduler.Config.Descriptor.ClassName} does not support CFG++", nameof(run));
        }
        return run;
    }

    private DenoiseResult[] Denoise(DenoiseRun[] runs, IProgress<DenoiseProgress>? progress, TerminableRun run)
    {
        var batch = new DenoiseBatch(runs, Model.SharesTimestep);
        while (!batch.IsDone)
        {
            Evaluate(batch, run);
            if (progress is not null)
            {
                foreach (DenoiseRun member in batch.Members)
                {
                    progress.Report(new DenoiseProgress(Array.IndexOf(runs, member), member.Evaluation, member.Evaluations));
                }
            }
        }
        return Array.ConvertAll(runs, member => member.Result());
    }

    private void SetTimestep(DenoiserBinding binding, int row, DenoiseRun member)
    {
        if (Model.SharesTimestep)
        {
            binding.SetTimestep(member.Scheduler.Timestep);
            return;
        }
        for (int pass = 0; pass < member.Rows; pass++)
        {
            binding.SetTimestep(row + pass, member.Scheduler.Timestep);
        }
    }

    private void Execute(DenoiserBinding binding, DenoiserSize size, TerminableRun run)
    {
        try
        {
            binding.Run(run);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{Graph.File} failed on {size}: "
                + exception.Message.ReplaceLineEndings(" "),
                exception);
        }
    }
}
