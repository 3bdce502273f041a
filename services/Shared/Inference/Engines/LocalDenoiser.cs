using Brownian.Inference.Models;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>A UNet in this process.</summary>
public sealed class LocalDenoiser : IDenoiser, IDisposable
{
    private readonly EngineThread _thread = new("denoiser");

    /// <param name="graph">The UNet's graph; disposed with this object.</param>
    /// <exception cref="ModelException">The graph is no UNet with text conditioning.</exception>
    public LocalDenoiser(OnnxGraph graph)
    {
        Unet = new UnetGraph(graph);
    }

    /// <summary>Which inputs and outputs the graph has.</summary>
    public OnnxGraph Graph => Unet.Graph;

    internal UnetGraph Unet { get; }

    /// <inheritdoc/>
    public Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(tasks.Count);
        if (tasks.Any(task => !task.LatentShape.SequenceEqual(tasks[0].LatentShape) || !task.Embedding.Shape.SequenceEqual(tasks[0].Embedding.Shape)))
        {
            throw new ArgumentException("All tasks of a batch must have latents and embeddings of one shape", nameof(tasks));
        }
        return RunAsync<IReadOnlyList<DenoiseResult>>(run => Denoise([.. tasks.Select(task => new DenoiseRun(task))], progress, run), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        Unet.Dispose();
    }

    /// <summary>Runs something on the engine's thread.</summary>
    internal Task<T> RunAsync<T>(Func<TerminableRun, T> work, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            return work(run);
        },
        cancellationToken);

    /// <summary>One evaluation of every run that can share the next batch. Allocates nothing while the same runs go on together.</summary>
    /// <param name="runs">Not all done.</param>
    /// <param name="batch">The runs of the batch before; left as those of this one.</param>
    /// <param name="binding">The binding of the batch before, or null.</param>
    /// <param name="run">The means to run the graph.</param>
    internal UnetBinding Evaluate(IReadOnlyList<DenoiseRun> runs, List<DenoiseRun> batch, UnetBinding? binding, TerminableRun run)
    {
        if (binding is null || !IsNextBatch(runs, batch))
        {
            Gather(runs, batch);
            IReadOnlyList<int> embedding = batch[0].Task.Embedding.Shape;
            binding = Unet.Bind(batch.Sum(member => member.Rows), batch[0].Task.LatentShape, embedding[1], embedding[2]);
            int place = 0;
            foreach (DenoiseRun member in batch)
            {
                member.CopyEmbeddings(binding, place);
                place += member.Rows;
            }
        }
        int row = 0;
        foreach (DenoiseRun member in batch)
        {
            member.WriteInput(binding, row);
            SetTimestep(binding, row, member);
            row += member.Rows;
        }
        Execute(binding, batch[0], run);
        row = 0;
        foreach (DenoiseRun member in batch)
        {
            member.TakeOutput(binding, row);
            row += member.Rows;
        }
        return binding;
    }

    private DenoiseResult[] Denoise(DenoiseRun[] runs, IProgress<DenoiseProgress>? progress, TerminableRun run)
    {
        var batch = new List<DenoiseRun>(runs.Length);
        UnetBinding? binding = null;
        while (!Array.TrueForAll(runs, static member => member.Scheduler.IsDone))
        {
            binding = Evaluate(runs, batch, binding, run);
            if (progress is not null)
            {
                foreach (DenoiseRun member in batch)
                {
                    progress.Report(new DenoiseProgress(Array.IndexOf(runs, member), member.Scheduler.StepIndex, member.Scheduler.Timesteps.Length));
                }
            }
        }
        return Array.ConvertAll(runs, member => member.Result());
    }

    /// <summary>Graphs with one timestep for the whole batch take the runs that are where the first unfinished one is.</summary>
    private bool Belongs(DenoiseRun member, DenoiseRun first) =>
        !member.Scheduler.IsDone && (!Unet.SharesTimestep || member.Scheduler.Timestep == first.Scheduler.Timestep);

    private bool IsNextBatch(IReadOnlyList<DenoiseRun> runs, List<DenoiseRun> batch)
    {
        int next = 0;
        DenoiseRun? first = null;
        for (int i = 0; i < runs.Count; i++)
        {
            if (runs[i].Scheduler.IsDone)
            {
                continue;
            }
            first ??= runs[i];
            if (Belongs(runs[i], first) && (next == batch.Count || batch[next++] != runs[i]))
            {
                return false;
            }
        }
        return next == batch.Count;
    }

    private void Gather(IReadOnlyList<DenoiseRun> runs, List<DenoiseRun> batch)
    {
        DenoiseRun first = runs.First(member => !member.Scheduler.IsDone);
        batch.Clear();
        batch.AddRange(runs.Where(member => Belongs(member, first)));
    }

    private void SetTimestep(UnetBinding binding, int row, DenoiseRun member)
    {
        if (Unet.SharesTimestep)
        {
            binding.SetTimestep(member.Scheduler.Timestep);
            return;
        }
        for (int pass = 0; pass < member.Rows; pass++)
        {
            binding.SetTimestep(row + pass, member.Scheduler.Timestep);
        }
    }

    private void Execute(UnetBinding binding, DenoiseRun first, TerminableRun run)
    {
        try
        {
            binding.Run(run);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{Graph.File} failed on latents of [{string.Join(", ", first.Task.LatentShape)}] and embeddings of [{string.Join(", ", first.Task.Embedding.Shape)}]: "
                + exception.Message.ReplaceLineEndings(" "),
                exception);
        }
    }
}
