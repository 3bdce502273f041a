namespace Brownian.Workers.Devices;

/// <summary>The devices of this process.</summary>
/// <param name="all">The engines of each device, in the order of the setting; disposed with this object.</param>
public sealed class DeviceSet(IReadOnlyList<DeviceEngines> all) : IDisposable
{
    /// <summary>The engines of each device, in the order of the setting. A device that is listed twice is here twice.</summary>
    public IReadOnlyList<DeviceEngines> All { get; } = all;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (DeviceEngines device in All)
        {
            device.Dispose();
        }
    }
}
