using System.Buffers;
using System.Numerics.Tensors;

namespace Brownian.Adapters;

/// <summary>
/// The element-wise product of two products, the difference of LoHa (arxiv.org/abs/2108.06098; <c>lycoris/functional/loha.py</c>: <c>HadaWeight</c>,
/// and <c>HadaWeightTucker</c> with kernels). LyCORIS' <c>get_diff_weight</c> multiplies by the scale twice; its training multiplies once, as ComfyUI
/// (<c>comfy/weight_adapter/loha.py</c>) and AUTOMATIC1111 (<c>network_hada.py</c>), which decides here.
/// </summary>
/// <param name="first">w1_a @ w1_b.</param>
/// <param name="second">w2_a @ w2_b.</param>
internal sealed class HadamardDelta(ProductDelta first, ProductDelta second) : WeightDelta(first.Rows, first.Columns)
{
    /// <inheritdoc/>
    public override long RowMultiplications => first.RowMultiplications + second.RowMultiplications;

    /// <inheritdoc/>
    public override void Row(int row, Span<float> values)
    {
        float[] buffer = ArrayPool<float>.Shared.Rent(Columns);
        Span<float> other = buffer.AsSpan(0, Columns);
        first.Row(row, values);
        second.Row(row, other);
        TensorPrimitives.Multiply(values, other, values);
        ArrayPool<float>.Shared.Return(buffer);
    }
}
