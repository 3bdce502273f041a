namespace Brownian.Import.Graphs;

/// <content>Operators without weights. The first argument names the module that an operator belongs to.</content>
public sealed partial class GraphBuilder
{
    /// <summary>Returns the sum of two values, which are broadcast to one shape.</summary>
    public Value Add(string at, Value left, Value right) => Node(at, "Add", [left, right]);

    /// <summary>Returns the difference of two values, which are broadcast to one shape.</summary>
    public Value Subtract(string at, Value left, Value right) => Node(at, "Sub", [left, right]);

    /// <summary>Returns the product of two values, which are broadcast to one shape.</summary>
    public Value Multiply(string at, Value left, Value right) => Node(at, "Mul", [left, right]);

    /// <summary>Returns the quotient of two values, which are broadcast to one shape.</summary>
    public Value Divide(string at, Value left, Value right) => Node(at, "Div", [left, right]);

    /// <summary>Returns a value times a number; the value itself for 1.</summary>
    public Value Scale(string at, Value x, double factor) => factor == 1 ? x : Multiply(at, x, Scalar((float)factor));

    /// <summary>Returns <c>1 + x</c>.</summary>
    public Value OnePlus(string at, Value x) => Add(at, x, Scalar(1));

    /// <summary>Returns a value in another shape.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value.</param>
    /// <param name="sides">The shape: 0 keeps a dimension of the value, -1 is what remains.</param>
    public Value Reshape(string at, Value x, params ReadOnlySpan<long> sides) => Node(at, "Reshape", [x, Constant(sides)]);

    /// <summary>Returns a value in the shape of another one.</summary>
    public Value ReshapeLike(string at, Value x, Value like) => Node(at, "Reshape", [x, Node(at, "Shape", [like])]);

    /// <summary>Returns a value with its dimensions in another order.</summary>
    public Value Transpose(string at, Value x, params int[] order) => Node(at, "Transpose", [x], ("perm", order));

    /// <summary>Returns values behind each other along a dimension.</summary>
    public Value Concat(string at, int axis, params ReadOnlySpan<Value> values) => Node(at, "Concat", values, ("axis", axis));

    /// <summary>Returns equal parts of a value along a dimension.</summary>
    public Value[] Split(string at, Value x, int parts, int axis) =>
        Nodes(at, "", "Split", parts, [x], ("axis", axis), ("num_outputs", parts));

    /// <summary>Returns the elements of a dimension from one to before another.</summary>
    public Value Slice(string at, Value x, int axis, long start, long end) =>
        Node(at, "Slice", [x, Constant(start), Constant(end), Constant(axis)]);

    /// <summary>Returns the size of a dimension, as a list of one number.</summary>
    public Value Side(string at, Value x, int axis) => Node(at, "Shape", [x], ("start", axis), ("end", axis + 1));

    /// <summary>Returns a value with a further dimension of 1.</summary>
    public Value Unsqueeze(string at, Value x, params ReadOnlySpan<long> axes) => Node(at, "Unsqueeze", [x, Constant(axes)]);

    /// <summary>Returns a value as another element type.</summary>
    public Value Cast(string at, Value x, ElementType type) => Node(at, "Cast", [x], ("to", (int)type));

    /// <summary>Returns the logistic function of a value.</summary>
    public Value Sigmoid(string at, Value x) => Node(at, "Sigmoid", [x]);

    /// <summary>Returns <c>x * sigmoid(x)</c>.</summary>
    public Value Silu(string at, Value x) => QuickGelu(at, x, 1);

    /// <summary>Returns an activation function of a value.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value.</param>
    /// <param name="activation">The function.</param>
    public Value Activate(string at, Value x, Activation activation) => activation switch
    {
        Activation.Silu => Silu(at, x),
        Activation.Gelu => Node(at, "Gelu", [x]),
        Activation.GeluTanh => Node(at, "Gelu", [x], ("approximate", "tanh")),
        Activation.QuickGelu => QuickGelu(at, x, 1.702f),
        Activation.Relu => Node(at, "Relu", [x]),
        Activation.Mish => Node(at, "Mish", [x]),
        _ => throw new ArgumentOutOfRangeException(nameof(activation)),
    };

    /// <summary>Returns a feature map of a multiple of the width and height, every element repeated.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature map, <c>[batch, channels, height, width]</c>.</param>
    /// <param name="factor">How often every element is repeated in each direction.</param>
    public Value UpsampleNearest(string at, Value x, int factor = 2) => Node(
        at, "Resize", [x, Value.None, Constant([1f, 1f, factor, factor], 4)],
        ("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"));

    /// <summary>Returns a feature map of half the width and height, the mean of every four elements.</summary>
    public Value AveragePool(string at, Value x) => Node(at, "AveragePool", [x], ("kernel_shape", (int[])[2, 2]), ("strides", (int[])[2, 2]));

    /// <summary>Multiplies by the reciprocal of the root mean square of the last dimension, which is not normalised otherwise.</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The value.</param>
    /// <param name="epsilon">Added to the mean of the squares.</param>
    public Value RootMeanSquareNorm(string at, Value x, float epsilon)
    {
        // Squares exceed the range of float16 early.
        x = Widen(x);
        Value mean = Node(at, "ReduceMean", [Node(at, "Pow", [x, Scalar(2)]), Constant(-1)], ("keepdims", 1));
        return Divide(at, x, Node(at, "Sqrt", [Add(at, mean, Scalar(epsilon))]));
    }

    /// <summary>Computes attention, with all heads beside each other in the last dimension of the values.</summary>
    /// <param name="at">The module.</param>
    /// <param name="query">The queries, <c>[batch, queries, heads * head size]</c>.</param>
    /// <param name="key">The keys, <c>[batch, keys, heads * head size]</c>.</param>
    /// <param name="value">The values, <c>[batch, keys, heads * head size]</c>.</param>
    /// <param name="heads">The number of heads.</param>
    /// <param name="headSize">The width of a head.</param>
    /// <param name="scores">What is done with the scores; null for a scale of <c>1/sqrt(head size)</c> and nothing else.</param>
    /// <returns><c>[batch, queries, heads * head size]</c>.</returns>
    public Value Attention(string at, Value query, Value key, Value value, int heads, int headSize, AttentionScores? scores = null)
    {
        scores ??= new AttentionScores();
        float scale = scores.Scale ?? (float)(1 / Math.Sqrt(headSize));
        if (!Options.IsPortable)
        {
            Value mask = scores.KeyMask is { } isKept ? Cast(at, isKept, ElementType.Int32) : Value.None;
            Value[] inputs = scores.Bias is { } bias ? [query, key, value, Value.None, mask, bias]
                : mask.IsNone ? [query, key, value] : [query, key, value, Value.None, mask];
            return RuntimeNode(
                at, "MultiHeadAttention", inputs,
                ("num_heads", heads), ("scale", scale), ("unidirectional", scores.IsCausal ? 1 : 0), ("mask_filter_value", scores.MaskValue));
        }
        Value products = Scale(at, Node(at, "MatMul", [Heads(query, 0, 2, 1, 3), Heads(key, 0, 2, 3, 1)]), scale);
        if (scores.Bias is { } added)
        {
            products = Add(at, products, added);
        }
        if (scores.KeyMask is { } kept)
        {
            Value removed = Cast(at, Node(at, "Not", [Cast(at, kept, ElementType.Bool)]), ElementType.Float32);
            products = Add(at, products, Unsqueeze(at, Multiply(at, removed, Scalar(scores.MaskValue)), 1, 2));
        }
        if (scores.IsCausal)
        {
            Value square = Node(at, "Expand", [Scalar(-1e9f), Concat(at, 0, Side(at, query, 1), Side(at, key, 1))]);
            products = Add(at, products, Node(at, "Trilu", [square, Constant([1L], [])], ("upper", 1)));
        }
        Value attended = Node(at, "MatMul", [Node(at, "Softmax", [products], ("axis", -1)), Heads(value, 0, 2, 1, 3)]);
        return Reshape(at, Transpose(at, attended, 0, 2, 1, 3), 0, 0, heads * headSize);

        Value Heads(Value x, params int[] order) => Transpose(at, Reshape(at, x, 0, 0, heads, headSize), order);
    }

    /// <summary>Rotates pairs of neighbouring elements of every head by angles (rotary position embedding).</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The queries or keys, <c>[batch, tokens, heads * head size]</c>.</param>
    /// <param name="cosines">The cosines of the angles, <c>[tokens, head size / 2]</c>.</param>
    /// <param name="sines">The sines of the angles, <c>[tokens, head size / 2]</c>.</param>
    /// <param name="heads">The number of heads.</param>
    /// <param name="headSize">The width of a head.</param>
    public Value Rotate(string at, Value x, Value cosines, Value sines, int heads, int headSize)
    {
        Value pairs = Reshape(at, x, 0, 0, heads, headSize / 2, 2);
        Value first = Slice(at, pairs, 4, 0, 1), second = Slice(at, pairs, 4, 1, 2);
        Value cos = Unsqueeze(at, cosines, 1, 3), sin = Unsqueeze(at, sines, 1, 3);
        Value rotated = Concat(
            at,
            4,
            Subtract(at, Multiply(at, first, cos), Multiply(at, second, sin)),
            Add(at, Multiply(at, second, cos), Multiply(at, first, sin)));
        return Reshape(at, rotated, 0, 0, heads * headSize);
    }

    private Value QuickGelu(string at, Value x, float alpha) =>
        !Options.IsPortable ? RuntimeNode(at, "QuickGelu", [x], ("alpha", alpha))
        : Multiply(at, x, Sigmoid(at, alpha == 1 ? x : Multiply(at, x, Scalar(alpha))));
}
