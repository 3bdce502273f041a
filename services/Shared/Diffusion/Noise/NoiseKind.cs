using System.Text.Json.Serialization;

namespace Brownian.Diffusion.Noise;

/// <summary>Which generator a request's seeds mean.</summary>
public enum NoiseKind
{
    /// <summary>PyTorch's CPU generator.</summary>
    [JsonStringEnumMemberName("torch-cpu")]
    TorchCpu,

    /// <summary>Philox, as on a GPU.</summary>
    [JsonStringEnumMemberName("torch-cuda")]
    TorchCuda,
}

/// <summary>The request's words for generators and element types.</summary>
public static class NoiseNames
{
    /// <summary>The words of <see cref="NoiseKind"/>.</summary>
    public static IReadOnlyDictionary<string, NoiseKind> Kinds { get; } = new Dictionary<string, NoiseKind>(StringComparer.Ordinal)
    {
        ["torch-cpu"] = NoiseKind.TorchCpu,
        ["torch-cuda"] = NoiseKind.TorchCuda,
    };

    /// <summary>The words of <see cref="NoiseDtype"/>.</summary>
    public static IReadOnlyDictionary<string, NoiseDtype> Dtypes { get; } = new Dictionary<string, NoiseDtype>(StringComparer.Ordinal)
    {
        ["float32"] = NoiseDtype.Float32,
        ["float16"] = NoiseDtype.Float16,
        ["bfloat16"] = NoiseDtype.BFloat16,
    };

    /// <summary>The word of a kind.</summary>
    public static string Of(NoiseKind kind) => Kinds.First(word => word.Value == kind).Key;

    /// <summary>The word of an element type.</summary>
    public static string Of(NoiseDtype dtype) => Dtypes.First(word => word.Value == dtype).Key;

    /// <summary>A generator of a kind.</summary>
    public static INoiseGenerator Create(NoiseKind kind, ulong seed, NoiseDtype dtype) =>
        kind == NoiseKind.TorchCpu ? new TorchCpuGenerator(seed, dtype) : new PhiloxGenerator(seed, dtype);
}
