namespace Brownian.Jobs.Telemetry;

/// <summary>The memory of a device that workers of this process use, in bytes.</summary>
/// <param name="Device">The device, such as cpu or cuda:1.</param>
/// <param name="Loaded">The size of the loaded graphs, by their files.</param>
/// <param name="Limit">The limit on it.</param>
/// <param name="Used">The used memory of a GPU, of all processes; null for the CPU, and where it cannot be read.</param>
/// <param name="Total">The whole memory of a GPU; null as <paramref name="Used"/>.</param>
public sealed record DeviceMemory(string Device, long Loaded, long Limit, long? Used, long? Total);
