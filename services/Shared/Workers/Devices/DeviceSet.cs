using Brownian.Inference.Sessions;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Devices;

namespace Brownian.Workers.Devices;

/// <summary>The devices of this process.</summary>
/// <param name="all">The engines of each device, in the order of the setting; disposed with this object.</param>
public sealed class DeviceSet(IReadOnlyList<DeviceEngines> all) : IDisposable
{
    /// <summary>The engines of each device, in the order of the setting. A device that is listed twice is here twice.</summary>
    public IReadOnlyList<DeviceEngines> All { get; } = all;

    /// <summary>Reads the memory of each device. A device that is listed twice is one here, with the graphs of both.</summary>
    public IReadOnlyList<DeviceMemory> ReadMemory() =>
    [
        .. from engines in All
           group engines.Local by engines.Device into device
           let gpu = device.Key.Kind == DeviceKind.Cpu ? null : GpuMemory.Read(device.Key.Index)
           select new DeviceMemory(
               device.Key.ToString(), device.Sum(local => local.LoadedBytes), device.Sum(local => local.MemoryLimit), gpu?.Used, gpu?.Total),
    ];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (DeviceEngines device in All)
        {
            device.Dispose();
        }
    }
}
