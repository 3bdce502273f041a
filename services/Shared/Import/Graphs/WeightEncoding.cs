namespace Brownian.Import.Graphs;

/// <summary>How a weight is stored in a graph.</summary>
internal enum WeightEncoding
{
    /// <summary>32-bit floats.</summary>
    Float32,

    /// <summary>16-bit floats.</summary>
    Float16,

    /// <summary>
    /// Bytes, 128 more than the quotient of element and scale: <c>[rows, blocks, block size]</c>, with a scale for each block of a row, as
    /// <c>MatMulNBits</c> of ONNX Runtime takes them.
    /// </summary>
    Blocks,

    /// <summary>
    /// Signed bytes of a convolution: <c>[kernel height * kernel width * inputs, outputs]</c>, with a scale for each output, as
    /// <c>MatMulIntegerToFloat</c> of ONNX Runtime takes them.
    /// </summary>
    Columns,
}
