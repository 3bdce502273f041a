namespace Brownian.Adapters;

/// <summary>A stored difference (<c>lycoris/modules/full.py</c>).</summary>
/// <param name="difference">[rows, columns].</param>
/// <param name="rows">The rows.</param>
internal sealed class FullDelta(float[] difference, int rows) : WeightDelta(rows, difference.Length / rows)
{
    /// <inheritdoc/>
    public override long RowMultiplications => Columns;

    /// <inheritdoc/>
    public override void Row(int row, Span<float> values) => difference.AsSpan(row * Columns, Columns).CopyTo(values);
}
