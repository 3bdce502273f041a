using Brownian.Formats.Tensors;
using Brownian.Models.Stages;

namespace Brownian.Inference.Engines;

/// <summary>
/// One image's denoising run, driven one evaluation at a time. May be left and saved between any two evaluations; holds nothing of the
/// engine's that must be given back. Several may be driven on one engine in any order. Used by one caller at a time.
/// </summary>
public interface IDenoising
{
    /// <summary>What is being done.</summary>
    DenoiseTask Task { get; }

    /// <summary>Model calls made so far.</summary>
    int Evaluation { get; }

    /// <summary>Model calls in all.</summary>
    int Evaluations { get; }

    /// <summary>Whether every model call was made.</summary>
    bool IsDone { get; }

    /// <summary>
    /// Makes one evaluation, with the bits of <see cref="IDenoiser.DenoiseAsync"/> for this task alone. After one that was cancelled or
    /// failed the run is as it was before it: it may be tried again, or saved for another worker.
    /// </summary>
    /// <param name="cancellationToken">Stops before the evaluation and within it.</param>
    /// <exception cref="InvalidOperationException">The run is done, or an evaluation is on its way.</exception>
    /// <exception cref="DenoiseException">The model's output is not finite.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    Task EvaluateAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Everything that changes what follows, but for the task and the model: latents, initial latents, scheduler and generator, in a
    /// versioned little-endian format, for <see cref="IDenoiser.Restore"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">An evaluation is on its way.</exception>
    byte[] Save();

    /// <summary>A copy of the latents as they are: [1, channels, height, width].</summary>
    /// <exception cref="InvalidOperationException">An evaluation is on its way.</exception>
    Tensor Latents();

    /// <summary>What the run came to.</summary>
    /// <exception cref="InvalidOperationException">The run is not done.</exception>
    DenoiseResult Result();
}
