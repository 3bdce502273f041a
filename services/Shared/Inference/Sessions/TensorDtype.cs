using Microsoft.ML.OnnxRuntime.Tensors;

namespace Brownian.Inference.Sessions;

/// <summary>The element types that a graph's inputs and outputs may have.</summary>
public enum TensorDtype
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary16.</summary>
    Float16,

    /// <summary>IEEE 754 binary64.</summary>
    Float64,

    /// <summary>64-bit integers.</summary>
    Int64,

    /// <summary>32-bit integers.</summary>
    Int32,

    /// <summary>Booleans.</summary>
    Boolean,

    /// <summary>Any other type.</summary>
    Other,
}

/// <summary>ONNX Runtime's names for the element types.</summary>
internal static class TensorDtypeNames
{
    public static TensorDtype From(TensorElementType type) => type switch
    {
        TensorElementType.Float => TensorDtype.Float32,
        TensorElementType.Float16 => TensorDtype.Float16,
        TensorElementType.Double => TensorDtype.Float64,
        TensorElementType.Int64 => TensorDtype.Int64,
        TensorElementType.Int32 => TensorDtype.Int32,
        TensorElementType.Bool => TensorDtype.Boolean,
        _ => TensorDtype.Other,
    };

    public static string Name(this TensorDtype dtype) => dtype.ToString().ToLowerInvariant();
}
