namespace Brownian.Import.Graphs;

/// <summary>The element types of graphs, with ONNX's numbers.</summary>
public enum ElementType
{
    /// <summary>32-bit floats.</summary>
    Float32 = 1,

    /// <summary>Bytes.</summary>
    UInt8 = 2,

    /// <summary>Signed bytes.</summary>
    Int8 = 3,

    /// <summary>32-bit integers.</summary>
    Int32 = 6,

    /// <summary>64-bit integers.</summary>
    Int64 = 7,

    /// <summary>Truth values.</summary>
    Bool = 9,

    /// <summary>16-bit floats.</summary>
    Float16 = 10,

    /// <summary>64-bit floats.</summary>
    Float64 = 11,
}
