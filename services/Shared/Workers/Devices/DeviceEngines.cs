using System.Collections.Frozen;
using Brownian.Inference.Engines;
using Brownian.Inference.Stages;
using Brownian.Models.Devices;
using Brownian.Models.Stages;

namespace Brownian.Workers.Devices;

/// <summary>The engines of one device of this process, and the runners of stages on it.</summary>
/// <param name="device">The device.</param>
/// <param name="local">The engines; disposed with this object.</param>
/// <param name="engines">The engines with a cache in front of their text encoders.</param>
/// <param name="runners">The factories of the runners.</param>
public sealed class DeviceEngines(Device device, LocalEngines local, IEngines engines, IEnumerable<StageRunnerFactory> runners) : IDisposable
{
    /// <summary>The device.</summary>
    public Device Device { get; } = device;

    /// <summary>The engines, with the models' facts and files.</summary>
    public LocalEngines Local { get; } = local;

    /// <summary>The engines that stages and calls use.</summary>
    public IEngines Engines { get; } = engines;

    /// <summary>The runners by the kinds of stages.</summary>
    public FrozenDictionary<string, IStageRunner> Runners { get; } =
        runners.Select(factory => factory.Create(engines)).ToFrozenDictionary(runner => runner.Kind);

    /// <inheritdoc/>
    public void Dispose() => Local.Dispose();
}
