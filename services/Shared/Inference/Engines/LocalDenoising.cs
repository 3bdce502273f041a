using Brownian.Formats.Tensors;
using Brownian.Inference.Sessions;

namespace Brownian.Inference.Engines;

/// <summary>A run on a <see cref="LocalDenoiser"/> that the caller drives.</summary>
internal sealed class LocalDenoising : IDenoising
{
    private readonly LocalDenoiser _denoiser;
    private readonly DenoiseRun _run;
    private readonly DenoiseBatch _batch;
    private readonly Func<TerminableRun, bool> _evaluate;
    private int _evaluating;

    public LocalDenoising(LocalDenoiser denoiser, DenoiseRun run)
    {
        _denoiser = denoiser;
        _run = run;
        _batch = new DenoiseBatch([run], denoiser.Model.SharesTimestep);
        _evaluate = Evaluate;
    }

    public DenoiseTask Task => _run.Task;

    public int Evaluation => _run.Evaluation;

    public int Evaluations => _run.Evaluations;

    public bool IsDone => _run.IsDone;

    public async Task EvaluateAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _evaluating, 1) != 0)
        {
            throw InProgress();
        }
        try
        {
            if (IsDone)
            {
                throw new InvalidOperationException("Every evaluation of the run is done");
            }
            await _denoiser.RunAsync(_evaluate, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _evaluating, 0);
        }
    }

    public byte[] Save() => Volatile.Read(ref _evaluating) == 0 ? _run.Save() : throw InProgress();

    public Tensor Latents() =>
        Volatile.Read(ref _evaluating) == 0 ? new Tensor([.. _run.Latents], [1, .. _run.Task.LatentShape]) : throw InProgress();

    public DenoiseResult Result() => IsDone && Volatile.Read(ref _evaluating) == 0
        ? _run.Result()
        : throw new InvalidOperationException($"The run is at evaluation {Evaluation} of {Evaluations}");

    private static InvalidOperationException InProgress() => new("An evaluation of the run is in progress");

    private bool Evaluate(TerminableRun run)
    {
        _run.Keep();
        try
        {
            _denoiser.Evaluate(_batch, run);
            return true;
        }
        catch
        {
            // Latents that are not finite are detected only after scheduler and generator have advanced.
            _run.Rewind();
            throw;
        }
    }
}
