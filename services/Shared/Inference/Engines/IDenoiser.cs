using Brownian.Models.Stages;

namespace Brownian.Inference.Engines;

/// <summary>Walks from noise to latents.</summary>
public interface IDenoiser
{
    /// <summary>Denoises some images of one size together: their evaluations share batches, their noise and schedulers are their own.</summary>
    /// <param name="tasks">At least one; all of one size.</param>
    /// <param name="progress">Told after every evaluation, on the engine's thread; must be quick.</param>
    /// <param name="cancellationToken">Stops between evaluations and within one.</param>
    /// <returns>One result a task, in order.</returns>
    /// <exception cref="ArgumentException">The tasks' shapes differ, or a task's latent shape is none, or its start latents, generator's state,
    /// image or ControlNets do not fit it or the model.</exception>
    /// <exception cref="FieldFaultException">A task's scheduler cannot be made or cannot make such a run.</exception>
    /// <exception cref="DenoiseException">The model's output is not finite.</exception>
    Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Begins a run that the caller drives, at its first evaluation. The model is not called yet.</summary>
    /// <param name="task">What is to be done.</param>
    /// <exception cref="ArgumentException">The task's latent shape is none, or its start latents, generator's state, image or ControlNets do not
    /// fit it or the model.</exception>
    /// <exception cref="FieldFaultException">The task's scheduler cannot be made or cannot make such a run.</exception>
    IDenoising Begin(DenoiseTask task);

    /// <summary>Goes on with a run that was saved here or by another worker with an equal model, with the same bits.</summary>
    /// <param name="task">
    /// The task that the saved run was begun with. Its start latents and generator's state may be left out: the state holds what became of
    /// them. Its embeddings, guidance, windows and ControlNets are taken as they are: the state does not know them.
    /// </param>
    /// <param name="state">What <see cref="IDenoising.Save"/> returned.</param>
    /// <exception cref="InvalidDataException">
    /// The state is damaged, cut off or of another version, or of a task with another latent shape, scheduler, sampling, seed, kind of noise or
    /// element type of noise.
    /// </exception>
    /// <exception cref="ArgumentException">The task's latent shape is none.</exception>
    /// <exception cref="FieldFaultException">The task's scheduler cannot be made or cannot make such a run.</exception>
    IDenoising Restore(DenoiseTask task, ReadOnlyMemory<byte> state);
}
