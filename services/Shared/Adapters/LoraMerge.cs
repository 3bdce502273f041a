using System.Numerics.Tensors;

namespace Brownian.Adapters;

/// <summary>
/// W + scale * (up @ down) in float32. Every element's sum runs over the ranks in order, with each product and each sum rounded. The bits are
/// therefore the same on every machine, for every distribution of the rows, and whether or not the weight is transposed.
/// </summary>
internal static class LoraMerge
{
    /// <summary>The number of multiplications from which the rows are distributed to all processors.</summary>
    private const long MinSharedCount = 1 << 20;

    /// <summary>Adds the product to a weight.</summary>
    /// <param name="weight">[rows, columns], or [columns, rows]; changed.</param>
    /// <param name="isTransposed">Whether it is [columns, rows].</param>
    /// <param name="up">[rows, rank].</param>
    /// <param name="down">[rank, columns].</param>
    /// <param name="rank">The rank.</param>
    /// <param name="scale">alpha / rank * the request's weight.</param>
    public static void Add(float[] weight, bool isTransposed, float[] up, float[] down, int rank, float scale)
    {
        (float[] left, float[] right) = isTransposed ? (Transpose(down, rank), Transpose(up, up.Length / rank)) : (up, down);
        int rows = left.Length / rank, columns = right.Length / rank;
        if ((long)rows * right.Length < MinSharedCount)
        {
            AddRows(weight, left, right, rank, scale, 0, rows, columns);
            return;
        }
        int shares = Math.Min(rows, 4 * Environment.ProcessorCount);
        Parallel.For(0, shares, share => AddRows(
            weight, left, right, rank, scale, (int)((long)rows * share / shares), (int)((long)rows * (share + 1) / shares), columns));
    }

    private static void AddRows(float[] weight, float[] left, float[] right, int rank, float scale, int first, int end, int columns)
    {
        float[] delta = new float[columns];
        for (int row = first; row < end; row++)
        {
            Array.Clear(delta);
            for (int r = 0; r < rank; r++)
            {
                TensorPrimitives.MultiplyAdd(right.AsSpan(r * columns, columns), left[row * rank + r], delta, delta);
            }
            Span<float> target = weight.AsSpan(row * columns, columns);
            TensorPrimitives.MultiplyAdd(delta, scale, target, target);
        }
    }

    private static float[] Transpose(float[] matrix, int rows)
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
}
