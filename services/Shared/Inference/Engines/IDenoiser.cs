namespace Brownian.Inference.Engines;

/// <summary>Walks from noise to latents.</summary>
public interface IDenoiser
{
    /// <summary>Denoises some pictures of one size together: their evaluations share batches, their noise and schedulers are their own.</summary>
    /// <param name="tasks">At least one; all of one size.</param>
    /// <param name="progress">Told after every evaluation, on the engine's thread; must be quick.</param>
    /// <param name="cancellationToken">Stops between evaluations and within one.</param>
    /// <returns>One result a task, in order.</returns>
    /// <exception cref="DenoiseException">The model's output is not finite.</exception>
    Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken);
}
