namespace Brownian.Import.Graphs;

/// <content>Layers that multiply integers of 8 bits.</content>
public sealed partial class GraphBuilder
{
    /// <summary>The level of <c>MatMulNBits</c> at which the values, too, are quantised to 8 bits: those of each row in blocks.</summary>
    private const int Int8Level = 4;

    /// <summary>The largest quotient of a value and the scale of its image.</summary>
    private const float LargestQuotient = 127;

    /// <summary>The least magnitude of an image's largest value, so that an image of zeros has a scale.</summary>
    private const float SmallestScale = 1e-30f;

    /// <summary>Convolves feature maps inside a UNet: as <see cref="Conv"/>, or by integers when convolutions are quantised.</summary>
    /// <inheritdoc cref="Conv"/>
    /// <remarks>
    /// The values of each image have a scale of their own, so that an image never depends on others in its batch. The convolution is a product of
    /// matrices: the feature maps with their channels last, shifted to each place of the kernel, beside each other. A convolution of floats in
    /// ONNX Runtime reaches about a third of the speed of such a product on processors with VNNI, and <c>ConvInteger</c> a tenth.
    /// </remarks>
    public Value InnerConv(string at, Value x, int inputs, int outputs, int kernel = 3, int stride = 1, int[]? padding = null)
    {
        if (!Options.QuantizesConvolutions)
        {
            return Conv(at, x, inputs, outputs, kernel, stride, padding);
        }
        Value weight = Weight(
            at + ".weight", [outputs, inputs, kernel, kernel], [outputs, inputs, kernel, kernel], WeightEncoding.Columns);
        Value zero = Bytes([QuantizedWeights.Zero]);
        Value largest = Node(at, "Max", [Extreme("ReduceMax"), Node(at, "Neg", [Extreme("ReduceMin")])]);
        Value scale = Scale(at, Node(at, "Max", [largest, Scalar(SmallestScale)]), 1 / LargestQuotient);
        Value zeros = Node(at, "Expand", [Bytes([QuantizedWeights.Zero], 1), Node(at, "Shape", [scale])]);
        Value places = Transpose(at, Node(at, "QuantizeLinear", [x, scale, zeros], ("axis", 0)), 0, 2, 3, 1);
        if (kernel > 1)
        {
            int side = kernel / 2;
            int[] pads = padding ?? [side, side, side, side];
            Value padded = Node(at, "Pad", [places, Constant(0L, pads[0], pads[1], 0, 0, pads[2], pads[3], 0), zero]);
            var shifted = new Value[kernel * kernel];
            for (int i = 0; i < shifted.Length; i++)
            {
                int down = i / kernel, right = i % kernel;
                shifted[i] = Node(
                    at,
                    "Slice",
                    [padded, Constant(down, right), Constant(EndOf(down), EndOf(right)), Constant(1L, 2), Constant(stride, stride)]);
            }
            places = Concat(at, 3, shifted);
        }
        Value product = RuntimeNode(
            at, "MatMulIntegerToFloat", [places, weight, Scalar(1), new Value(GraphWeight.ScaleNameOf(at + ".weight")), zero]);
        product = Add(at, Multiply(at, product, Unsqueeze(at, scale, 1, 2, 3)), Weight(at + ".bias", outputs));
        return Transpose(at, product, 0, 3, 1, 2);

        Value Extreme(string op) => Node(at, op, [x, Constant(1L, 2, 3)], ("keepdims", 0));

        // The last place of the kernel reaches the end, those before it stop as much earlier.
        long EndOf(int place) => place == kernel - 1 ? long.MaxValue : place - (kernel - 1);
    }

    private Value QuantizedLinear(string at, Value x, int inputs, int outputs, bool hasBias)
    {
        Value weight = Weight(at + ".weight", [outputs, inputs], [outputs, inputs], WeightEncoding.Blocks);
        Value y = RuntimeNode(
            at, "MatMulNBits", [x, weight, new Value(GraphWeight.ScaleNameOf(at + ".weight"))],
            ("K", inputs), ("N", outputs), ("bits", 8), ("block_size", QuantizedWeights.BlockOf(inputs)), ("accuracy_level", Int8Level));
        return hasBias ? Add(at, y, Weight(at + ".bias", outputs)) : y;
    }
}
