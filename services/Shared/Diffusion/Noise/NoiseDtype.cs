using System.Text.Json.Serialization;

namespace Brownian.Diffusion.Noise;

/// <summary>The element type in which noise is drawn. A half-precision reference pipeline draws different numbers from the same seed.</summary>
public enum NoiseDtype
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary16.</summary>
    Float16,

    /// <summary>The upper 16 bits of a binary32.</summary>
    [JsonStringEnumMemberName("bfloat16")]
    BFloat16,
}
