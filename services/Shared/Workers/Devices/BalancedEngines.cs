using Brownian.Inference.Engines;
using Brownian.Requests.References;

namespace Brownian.Workers.Devices;

/// <summary>
/// The engines of several devices as one: each lease is of the device with the fewest leases, the first one of several. Calls use it; the stages of a
/// worker stay on the worker's device.
/// </summary>
/// <param name="devices">The engines of each device, at least one.</param>
public sealed class BalancedEngines(IReadOnlyList<IEngines> devices) : IEngines
{
    private readonly Lock _lock = new();
    private readonly int[] _leases = new int[devices.Count];

    /// <inheritdoc/>
    public Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.TextEncoderAsync(model, fingerprint, adapters, cancellationToken));

    /// <inheritdoc/>
    public Task<EngineLease<IDenoiser>> DenoiserAsync(
        string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
        CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.DenoiserAsync(model, fingerprint, part, adapters, controlNets, cancellationToken));

    /// <inheritdoc/>
    public Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.ImageEncoderAsync(model, fingerprint, cancellationToken));

    /// <inheritdoc/>
    public Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.TextProjectionAsync(model, fingerprint, cancellationToken));

    /// <inheritdoc/>
    public Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.VaeDecoderAsync(model, fingerprint, cancellationToken));

    /// <inheritdoc/>
    public Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.PreviewDecoderAsync(model, fingerprint, cancellationToken));

    /// <inheritdoc/>
    public Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.VaeEncoderAsync(model, fingerprint, cancellationToken));

    /// <inheritdoc/>
    public Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        LeaseAsync(engines => engines.ImageUpscalerAsync(model, fingerprint, cancellationToken));

    private async Task<EngineLease<T>> LeaseAsync<T>(Func<IEngines, Task<EngineLease<T>>> lease)
        where T : class
    {
        int device;
        lock (_lock)
        {
            device = Array.IndexOf(_leases, _leases.Min());
            _leases[device]++;
        }
        try
        {
            EngineLease<T> held = await lease(devices[device]).ConfigureAwait(false);
            return new EngineLease<T>(held.Engine, () =>
            {
                held.Dispose();
                Return(device);
            });
        }
        catch
        {
            Return(device);
            throw;
        }
    }

    private void Return(int device)
    {
        lock (_lock)
        {
            _leases[device]--;
        }
    }
}
