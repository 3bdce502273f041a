using Brownian.Formats.Tensors;
using Brownian.Models.Stages;

namespace Brownian.Inference.Engines;

/// <summary>
/// One image's denoising run, driven one evaluation at a time. It may be abandoned or saved between any two evaluations and holds no resources of the
/// engine that must be released. Several runs may be driven on one engine in any order. Not safe for concurrent use.
/// </summary>
public interface IDenoising
{
    /// <summary>The task of the run.</summary>
    DenoiseTask Task { get; }

    /// <summary>The number of model calls made so far.</summary>
    int Evaluation { get; }

    /// <summary>The total number of model calls.</summary>
    int Evaluations { get; }

    /// <summary>Whether every model call has been made.</summary>
    bool IsDone { get; }

    /// <summary>
    /// Runs one evaluation, with the same bits as <see cref="IDenoiser.DenoiseAsync"/> for this task alone. When the evaluation is cancelled or
    /// fails, the run is in its state before it: the evaluation may be retried, or the run saved for another worker.
    /// </summary>
    /// <param name="cancellationToken">Stops before the evaluation and within it.</param>
    /// <exception cref="InvalidOperationException">The run is done, or an evaluation is in progress.</exception>
    /// <exception cref="DenoiseException">The model's output is not finite.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    Task EvaluateAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Returns the state that determines the rest of the run, without the task and the model: latents, initial latents, scheduler and generator, in a
    /// versioned little-endian format, for <see cref="IDenoiser.Restore"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">An evaluation is in progress.</exception>
    byte[] Save();

    /// <summary>Returns a copy of the current latents: [1, channels, height, width].</summary>
    /// <exception cref="InvalidOperationException">An evaluation is in progress.</exception>
    Tensor Latents();

    /// <summary>Returns the result of the run.</summary>
    /// <exception cref="InvalidOperationException">The run is not done.</exception>
    DenoiseResult Result();
}
