using System.Diagnostics.CodeAnalysis;

namespace Brownian.Models.Devices;

/// <summary>The device that runs graphs.</summary>
/// <param name="Kind">The kind of device.</param>
/// <param name="Index">The number of the GPU on the machine, 0..63, as CUDA counts them; 0 for the CPU.</param>
public readonly record struct Device(DeviceKind Kind, int Index = 0)
{
    /// <summary>The texts that <see cref="TryParse"/> accepts, for messages.</summary>
    public const string Allowed = "cpu, cuda, cuda:N, tensorrt, tensorrt:N, with N from 0 to 63";

    private const int MaxIndex = 63;

    /// <summary>The CPU.</summary>
    public static Device Cpu => default;

    /// <summary>
    /// The name of the kind: cpu, cuda or tensorrt. Devices of one kind compute the same values, so it is part of cache keys, and a checkpoint of one
    /// is resumed on another.
    /// </summary>
    public string Provider => Kind.ToString().ToLowerInvariant();

    /// <summary>Reads a device.</summary>
    /// <param name="text">A text as in <see cref="Allowed"/>, case-sensitive.</param>
    /// <param name="device">The device; the CPU when the text is not one.</param>
    /// <returns>Whether the text is a device.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out Device device)
    {
        device = Cpu;
        string[] parts = text?.Split(':') ?? [];
        if (parts is ["cpu"])
        {
            return true;
        }
        DeviceKind? kind = parts is [] ? null : parts[0] switch
        {
            "cuda" => DeviceKind.Cuda,
            "tensorrt" => DeviceKind.TensorRt,
            _ => null,
        };
        int index = 0;
        if (kind is null || parts.Length > 2
            || (parts.Length == 2 && !(int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index) && index <= MaxIndex)))
        {
            return false;
        }
        device = new Device(kind.Value, index);
        return true;
    }

    /// <summary>Returns the device as <see cref="TryParse"/> reads it, without the number of the first GPU.</summary>
    public override string ToString() => Index == 0 ? Provider : string.Create(CultureInfo.InvariantCulture, $"{Provider}:{Index}");
}
