using System.Numerics.Tensors;

namespace Brownian.Import.Graphs;

/// <summary>
/// Weights of 8 bits: the quotient of element and scale, rounded, where the scale makes 127 of the largest element (symmetric quantisation).
/// </summary>
internal static class QuantizedWeights
{
    /// <summary>What is added to quotients that are stored without a sign, and is the zero of <c>MatMulNBits</c>.</summary>
    public const byte Zero = 128;

    private const int Largest = 127;

    private static readonly int[] BlockSizes = [128, 64, 32];

    /// <summary>Returns the number of columns that share a scale: the largest that divides them, else the smallest.</summary>
    public static int BlockOf(int columns) => Array.Find(BlockSizes, size => columns % size == 0) is var found and > 0 ? found : BlockSizes[^1];

    /// <summary>Returns the number of blocks of a row; the last may be filled up.</summary>
    public static int BlocksOf(int columns) => (columns + BlockOf(columns) - 1) / BlockOf(columns);

    /// <summary>Encodes a row as blocks.</summary>
    /// <param name="row">The row.</param>
    /// <param name="bytes">Receives the elements; those behind the end of the row are zeros.</param>
    /// <param name="scales">Receives the scale of each block.</param>
    public static void EncodeBlocks(ReadOnlySpan<float> row, Span<byte> bytes, Span<float> scales)
    {
        int block = bytes.Length / scales.Length;
        bytes.Fill(Zero);
        for (int i = 0; i < scales.Length; i++)
        {
            ReadOnlySpan<float> part = row[(i * block)..Math.Min(row.Length, (i + 1) * block)];
            scales[i] = ScaleOf(part);
            for (int k = 0; k < part.Length; k++)
            {
                bytes[(i * block) + k] = (byte)(Zero + Quotient(part[k], scales[i]));
            }
        }
    }

    /// <summary>Encodes a row, one output of a convolution, as a column.</summary>
    /// <param name="row">The elements, <c>[inputs, kernel height, kernel width]</c>.</param>
    /// <param name="inputs">The number of inputs.</param>
    /// <param name="bytes">The elements of all outputs, <c>[kernel height * kernel width * inputs, outputs]</c>; receives those of one.</param>
    /// <param name="output">The output.</param>
    /// <param name="outputs">The number of outputs.</param>
    /// <returns>The scale.</returns>
    public static float EncodeColumn(ReadOnlySpan<float> row, int inputs, Span<sbyte> bytes, int output, int outputs)
    {
        float scale = ScaleOf(row);
        int kernel = row.Length / inputs;
        for (int input = 0; input < inputs; input++)
        {
            for (int place = 0; place < kernel; place++)
            {
                bytes[(((place * inputs) + input) * outputs) + output] = (sbyte)Quotient(row[(input * kernel) + place], scale);
            }
        }
        return scale;
    }

    private static float ScaleOf(ReadOnlySpan<float> values) => TensorPrimitives.MaxMagnitude(values) is var largest && Math.Abs(largest) > 0
        ? Math.Abs(largest) / Largest : 1;

    private static int Quotient(float value, float scale) => Math.Clamp((int)MathF.Round(value / scale), -Largest, Largest);
}
