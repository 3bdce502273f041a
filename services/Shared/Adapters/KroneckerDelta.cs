using System.Numerics.Tensors;

namespace Brownian.Adapters;

/// <summary>
/// The Kronecker product, the difference of LoKr (<c>lycoris/functional/lokr.py: make_kron</c>). A convolution's kernel belongs to w2 alone, so it
/// stays in the columns: [o1 * outputs2 + o2, i1 * columns2 + c2] = w1[o1, i1] w2[o2, c2].
/// </summary>
internal sealed class KroneckerDelta : WeightDelta
{
    private readonly float[] _first;
    private readonly float[] _second;
    private readonly int _inputs;
    private readonly int _outputs;

    /// <param name="first">w1, [outputs1, inputs1].</param>
    /// <param name="inputs">inputs1.</param>
    /// <param name="second">w2, [outputs2, columns2].</param>
    /// <param name="outputs">outputs2.</param>
    public KroneckerDelta(float[] first, int inputs, float[] second, int outputs)
        : base(first.Length / inputs * outputs, inputs * (second.Length / outputs)) =>
        (_first, _inputs, _second, _outputs) = (first, inputs, second, outputs);

    /// <inheritdoc/>
    public override long RowMultiplications => Columns;

    /// <inheritdoc/>
    public override void Row(int row, Span<float> values)
    {
        (int outer, int inner) = Math.DivRem(row, _outputs);
        int width = Columns / _inputs;
        for (int i = 0; i < _inputs; i++)
        {
            TensorPrimitives.Multiply(_second.AsSpan(inner * width, width), _first[outer * _inputs + i], values.Slice(i * width, width));
        }
    }
}
