namespace Brownian.Import.Graphs;

/// <summary>How graphs are built.</summary>
/// <param name="IsPortable">
/// Whether only standard operators of ONNX are used, which every runtime has. Otherwise ONNX Runtime's own operators are used where they are faster.
/// </param>
public sealed record GraphOptions(bool IsPortable = false)
{
    /// <summary>
    /// Whether weights are 16-bit floats, and products of matrices, convolutions and attention compute with them. Inputs and outputs stay float32.
    /// </summary>
    public bool UsesFloat16 { get; init; }

    /// <summary>
    /// Whether linear layers have weights of 8 bits, with a scale for each block of 32, 64 or 128 inputs, and multiply integers. Not for portable
    /// graphs.
    /// </summary>
    public bool QuantizesLinear { get; init; }

    /// <summary>
    /// Whether the convolutions of UNets, too, have weights of 8 bits, with a scale for each output, and multiply integers. Not for portable graphs.
    /// </summary>
    public bool QuantizesConvolutions { get; init; }
}
