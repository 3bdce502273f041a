namespace Brownian.Import.Graphs;

/// <content>Layers with weights. The first argument is the name of the module, with which the names of its weights begin.</content>
public sealed partial class GraphBuilder
{
    /// <summary>Multiplies the last dimension by a matrix, which is read as it is stored: <c>x W^T + b</c>.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value, <c>[..., inputs]</c>, of three dimensions.</param>
    /// <param name="inputs">The columns of the weight.</param>
    /// <param name="outputs">The rows of the weight.</param>
    /// <param name="hasBias">Whether the module has a bias.</param>
    /// <param name="isExact">Whether the weight stays in float32 when those of other linear layers are quantised.</param>
    /// <param name="isWide">Whether the product is computed in float32 when others are in float16, because it can exceed that range.</param>
    public Value Linear(string at, Value x, int inputs, int outputs, bool hasBias = true, bool isExact = false, bool isWide = false)
    {
        if (Options.QuantizesLinear && !isExact)
        {
            return QuantizedLinear(at, x, inputs, outputs, hasBias);
        }
        _isWide = isWide;
        Value y = FloatLinear(at, x, inputs, outputs, hasBias);
        _isWide = false;
        return y;
    }

    private Value FloatLinear(string at, Value x, int inputs, int outputs, bool hasBias)
    {
        Value weight = Weight(at + ".weight", outputs, inputs);
        Value y;
        if (!Options.IsPortable)
        {
            y = RuntimeNode(at, "FusedMatMul", [x, weight], ("transB", 1));
            return hasBias ? Add(at, y, Weight(at + ".bias", outputs)) : y;
        }
        // Gemm takes matrices only, and reads the weight as it is stored.
        Value rows = Reshape(at, x, -1, inputs);
        y = Node(at, "Gemm", hasBias ? [rows, weight, Weight(at + ".bias", outputs)] : [rows, weight], ("transB", 1));
        Value shape = Concat(at, 0, Node(at, "Shape", [x], ("end", -1)), Constant(outputs));
        return Node(at, "Reshape", [y, shape]);
    }

    /// <summary>Convolves feature maps.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature maps, <c>[batch, inputs, height, width]</c>.</param>
    /// <param name="inputs">The channels of the feature maps.</param>
    /// <param name="outputs">The channels of the result.</param>
    /// <param name="kernel">The width and height of the kernel.</param>
    /// <param name="stride">The distance of neighbouring results.</param>
    /// <param name="padding">The zeros added at the top, left, bottom and right; null for as many on each side as keep the size.</param>
    /// <param name="hasBias">Whether the module has a bias.</param>
    public Value Conv(
        string at, Value x, int inputs, int outputs, int kernel = 3, int stride = 1, int[]? padding = null, bool hasBias = true)
    {
        Value weight = Weight(at + ".weight", outputs, inputs, kernel, kernel);
        int side = kernel / 2;
        return Node(
            at,
            "Conv",
            hasBias ? [x, weight, Weight(at + ".bias", outputs)] : [x, weight],
            ("kernel_shape", (int[])[kernel, kernel]),
            ("strides", (int[])[stride, stride]),
            ("pads", padding ?? [side, side, side, side]));
    }

    /// <summary>Normalises groups of channels of feature maps.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature maps, <c>[batch, channels, height, width]</c>, or rows, <c>[batch, channels, length]</c>.</param>
    /// <param name="channels">The channels.</param>
    /// <param name="groups">The number of groups.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="dimensions">The number of dimensions of the feature maps.</param>
    public Value GroupNorm(string at, Value x, int channels, int groups, float epsilon, int dimensions = 4)
    {
        float[] ones = new float[groups];
        Array.Fill(ones, 1);
        Value normal = Node(
            at,
            "InstanceNormalization",
            [Reshape(at, x, 0, groups, -1), Constant(ones, groups), Constant(new float[groups], groups)],
            ("epsilon", epsilon));
        int[] used = [channels, .. Enumerable.Repeat(1, dimensions - 2)];
        Value scaled = Multiply(at, ReshapeLike(at, normal, x), Weight(at + ".weight", [channels], used));
        return Add(at, scaled, Weight(at + ".bias", [channels], used));
    }

    /// <summary>Normalises the last dimension.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value.</param>
    /// <param name="width">The size of the last dimension.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public Value LayerNorm(string at, Value x, int width, float epsilon = 1e-5f) => Node(
        at, "LayerNormalization", [x, Weight(at + ".weight", width), Weight(at + ".bias", width)], ("axis", -1), ("epsilon", epsilon));

    /// <summary>Normalises the last dimension, without weights.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value.</param>
    /// <param name="width">The size of the last dimension.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public Value PlainLayerNorm(string at, Value x, int width, float epsilon)
    {
        float[] ones = new float[width];
        Array.Fill(ones, 1);
        return Node(at, "LayerNormalization", [x, Constant(ones, width)], ("axis", -1), ("epsilon", epsilon));
    }

    /// <summary>Divides by the root mean square of the last dimension and multiplies by weights.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value.</param>
    /// <param name="width">The size of the last dimension.</param>
    /// <param name="epsilon">Added to the mean of the squares.</param>
    public Value RootMeanSquareNorm(string at, Value x, int width, float epsilon) =>
        Multiply(at, RootMeanSquareNorm(at, x, epsilon), Weight(at + ".weight", width));

    /// <summary>Divides every head by its root mean square and multiplies by weights, which all heads share.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value, <c>[batch, tokens, heads * head size]</c>.</param>
    /// <param name="heads">The number of heads.</param>
    /// <param name="headSize">The width of a head.</param>
    /// <param name="epsilon">Added to the mean of the squares.</param>
    public Value HeadNorm(string at, Value x, int heads, int headSize, float epsilon) => Reshape(
        at, RootMeanSquareNorm(at, Reshape(at, x, 0, 0, heads, headSize), headSize, epsilon), 0, 0, heads * headSize);

    /// <summary>Looks rows of a table up.</summary>
    /// <param name="at">The module.</param>
    /// <param name="indices">The indices.</param>
    /// <param name="rows">The rows of the table.</param>
    /// <param name="width">The columns of the table.</param>
    public Value Embedding(string at, Value indices, int rows, int width) => Node(at, "Gather", [Weight(at + ".weight", rows, width), indices]);
}
