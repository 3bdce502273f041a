namespace Brownian.Models.Stages;

/// <summary>The element types of the values that stages exchange.</summary>
public enum StageDtype
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>Bytes.</summary>
    UInt8,
}
