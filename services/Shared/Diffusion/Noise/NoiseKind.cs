using System.Text.Json.Serialization;

namespace Brownian.Diffusion.Noise;

/// <summary>The generator that a request's seeds are used with.</summary>
public enum NoiseKind
{
    /// <summary>PyTorch's CPU generator.</summary>
    [JsonStringEnumMemberName("torch-cpu")]
    TorchCpu,

    /// <summary>Philox, as on a GPU.</summary>
    [JsonStringEnumMemberName("torch-cuda")]
    TorchCuda,
}

/// <summary>The names of generators and element types in requests.</summary>
public static class NoiseNames
{
    /// <summary>The names of <see cref="NoiseKind"/>.</summary>
    public static IReadOnlyDictionary<string, NoiseKind> Kinds { get; } = new Dictionary<string, NoiseKind>(StringComparer.Ordinal)
    {
        ["torch-cpu"] = NoiseKind.TorchCpu,
        ["torch-cuda"] = NoiseKind.TorchCuda,
    };

    /// <summary>The names of <see cref="NoiseDtype"/>.</summary>
    public static IReadOnlyDictionary<string, NoiseDtype> Dtypes { get; } = new Dictionary<string, NoiseDtype>(StringComparer.Ordinal)
    {
        ["float32"] = NoiseDtype.Float32,
        ["float16"] = NoiseDtype.Float16,
        ["bfloat16"] = NoiseDtype.BFloat16,
    };

    /// <summary>Returns the name of a kind.</summary>
    public static string Of(NoiseKind kind) => Kinds.First(word => word.Value == kind).Key;

    /// <summary>Returns the name of an element type.</summary>
    public static string Of(NoiseDtype dtype) => Dtypes.First(word => word.Value == dtype).Key;

    /// <summary>Creates a generator of a kind.</summary>
    public static INoiseGenerator Create(NoiseKind kind, ulong seed, NoiseDtype dtype) =>
        kind == NoiseKind.TorchCpu ? new TorchCpuGenerator(seed, dtype) : new PhiloxGenerator(seed, dtype);
}
