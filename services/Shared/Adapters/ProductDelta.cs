using System.Numerics.Tensors;

namespace Brownian.Adapters;

/// <summary>up @ down, the difference of LoRA and LoCon. Every element's sum runs over the ranks in order.</summary>
internal sealed class ProductDelta : WeightDelta
{
    private readonly float[] _up;
    private readonly float[] _down;
    private readonly int _rank;

    /// <param name="up">[rows, rank].</param>
    /// <param name="down">[rank, columns].</param>
    /// <param name="rank">The rank.</param>
    public ProductDelta(float[] up, float[] down, int rank)
        : base(up.Length / rank, down.Length / rank) => (_up, _down, _rank) = (up, down, rank);

    /// <inheritdoc/>
    public override long RowMultiplications => _down.Length;

    /// <summary>
    /// Multiplies the kernel between up and down into down: the sum over b of mid[a, b, y, x] down[b, i], LyCORIS' <c>rebuild_tucker</c> (<c>lycoris/
    /// functional/general.py</c>) without its last factor.
    /// </summary>
    /// <param name="mid">[rank, rank, height, width].</param>
    /// <param name="down">[rank, inputs].</param>
    /// <param name="rank">The rank.</param>
    /// <returns>[rank, inputs * height * width].</returns>
    public static float[] WithKernel(float[] mid, float[] down, int rank)
    {
        int inputs = down.Length / rank, kernel = mid.Length / rank / rank;
        float[] product = new float[rank * inputs * kernel];
        for (int a = 0; a < rank; a++)
        {
            for (int b = 0; b < rank; b++)
            {
                ReadOnlySpan<float> side = mid.AsSpan((a * rank + b) * kernel, kernel);
                for (int i = 0; i < inputs; i++)
                {
                    Span<float> target = product.AsSpan((a * inputs + i) * kernel, kernel);
                    TensorPrimitives.MultiplyAdd(side, down[b * inputs + i], target, target);
                }
            }
        }
        return product;
    }

    /// <summary>Returns the transposed matrix.</summary>
    /// <param name="matrix">[rows, columns].</param>
    /// <param name="rows">The rows.</param>
    public static float[] Transpose(float[] matrix, int rows)
    {
        int columns = matrix.Length / rows;
        float[] transposed = new float[matrix.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                transposed[column * rows + row] = matrix[row * columns + column];
            }
        }
        return transposed;
    }

    /// <inheritdoc/>
    public override void Row(int row, Span<float> values)
    {
        values.Clear();
        for (int r = 0; r < _rank; r++)
        {
            TensorPrimitives.MultiplyAdd(_down.AsSpan(r * Columns, Columns), _up[row * _rank + r], values, values);
        }
    }
}
