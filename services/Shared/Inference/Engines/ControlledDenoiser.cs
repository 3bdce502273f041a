using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>A denoiser and the ControlNets that its runs may use.</summary>
/// <param name="denoiser">The denoiser.</param>
/// <param name="controlNets">The ControlNets.</param>
internal sealed class ControlledDenoiser(LocalDenoiser denoiser, IReadOnlyDictionary<ControlNetReference, ControlNet> controlNets) : IDenoiser
{
    public Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken) =>
        denoiser.DenoiseAsync(tasks, controlNets, progress, cancellationToken);

    public IDenoising Begin(DenoiseTask task) => denoiser.Begin(task, controlNets);

    public IDenoising Restore(DenoiseTask task, ReadOnlyMemory<byte> state) => denoiser.Restore(task, state, controlNets);
}
