using Brownian.Models.Stages;

namespace Brownian.Inference.Engines;

/// <summary>Denoises noise to latents.</summary>
public interface IDenoiser
{
    /// <summary>Denoises images of one size together. Their evaluations share batches, but each has its own noise and scheduler.</summary>
    /// <param name="tasks">At least one task; all of one size.</param>
    /// <param name="progress">Receives a report after every evaluation, on the engine's thread; must return quickly.</param>
    /// <param name="cancellationToken">Stops between evaluations and within one.</param>
    /// <returns>One result per task, in order.</returns>
    /// <exception cref="ArgumentException">
    /// The tasks' shapes differ, or a task's latent shape is invalid, or its start latents, generator state, image or ControlNets do not fit it or
    /// the model.
    /// </exception>
    /// <exception cref="FieldFaultException">A task's scheduler cannot be created or does not support such a run.</exception>
    /// <exception cref="DenoiseException">The model's output is not finite.</exception>
    Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Starts a run that the caller drives, at its first evaluation. The model is not called yet.</summary>
    /// <param name="task">The task.</param>
    /// <exception cref="ArgumentException">
    /// The task's latent shape is invalid, or its start latents, generator state, image or ControlNets do not fit it or the model.
    /// </exception>
    /// <exception cref="FieldFaultException">The task's scheduler cannot be created or does not support such a run.</exception>
    IDenoising Begin(DenoiseTask task);

    /// <summary>Resumes a run that was saved by this worker or by another one with an equal model, with bitwise identical results.</summary>
    /// <param name="task">
    /// The task that the saved run was started with. Its start latents and generator state may be omitted, because the saved state replaces them. Its
    /// embeddings, guidance, windows and ControlNets are required, because the saved state does not contain them.
    /// </param>
    /// <param name="state">The result of <see cref="IDenoising.Save"/>.</param>
    /// <exception cref="InvalidDataException">
    /// The state is damaged, truncated or of another version, or of a task with another latent shape, scheduler, sampling, seed, kind of noise or
    /// element type of noise.
    /// </exception>
    /// <exception cref="ArgumentException">The task's latent shape is invalid.</exception>
    /// <exception cref="FieldFaultException">The task's scheduler cannot be created or does not support such a run.</exception>
    IDenoising Restore(DenoiseTask task, ReadOnlyMemory<byte> state);
}
