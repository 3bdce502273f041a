using System.Numerics.Tensors;

namespace Brownian.Adapters;

/// <summary>
/// W + scale * difference in float32, and its decomposition by DoRA. Each product and each sum is rounded. The bits are therefore the same on every
/// machine, for every distribution of the rows, and whether or not the weight is transposed.
/// </summary>
internal static class LoraMerge
{
    /// <summary>The number of multiplications from which the rows are distributed to all processors.</summary>
    private const long MinSharedCount = 1 << 20;

    /// <summary>The number of rows that are computed together, so that a transposed weight is written in whole cache lines.</summary>
    private const int BlockRows = 16;

    /// <summary>The minimum number of neighbouring columns that one thread sums.</summary>
    private const int MinColumns = 256;

    /// <summary>Adds a difference to a weight.</summary>
    /// <param name="weight">[rows, columns], or [columns, rows]; changed.</param>
    /// <param name="isTransposed">Whether it is [columns, rows].</param>
    /// <param name="delta">The difference.</param>
    /// <param name="scale">Its factor: alpha / rank * the request's weight.</param>
    public static void Add(float[] weight, bool isTransposed, WeightDelta delta, float scale)
    {
        int blocks = (delta.Rows + BlockRows - 1) / BlockRows;
        Share(blocks, 1, delta.Rows * delta.RowMultiplications, (first, end) => AddBlocks(weight, isTransposed, delta, scale, first, end));
    }

    /// <summary>
    /// Adds a difference to a weight, and gives the columns or the rows of the sum the lengths of DoRA: V = W + difference,
    /// W + strength * (magnitude / (|V| + epsilon) * V - W).
    /// </summary>
    /// <remarks>
    /// For a strength of 1 this is LyCORIS' <c>apply_weight_decompose</c> (<c>lycoris/modules/locon.py</c>, <c>loha.py</c>, <c>lokr.py</c>) and
    /// PEFT's <c>DoraLinearVariant.merge_safe</c> (<c>peft/tuners/lora/variants.py</c>), the programs that train these files. ComfyUI measures W
    /// instead of V for lengths of outputs, which is not what the files were trained with. For other strengths the programs differ. This is LyCORIS'
    /// <c>apply_dora_scale</c> (<c>lycoris/functional/general.py</c>), ComfyUI's <c>weight_decompose</c> (<c>comfy/weight_adapter/base.py</c>) and
    /// AUTOMATIC1111's <c>finalize_updown</c> (<c>extensions-builtin/Lora/network.py</c>): the only formula that has no effect at a strength of 0.
    /// </remarks>
    /// <param name="weight">[rows, columns], or [columns, rows]; changed.</param>
    /// <param name="isTransposed">Whether it is [columns, rows].</param>
    /// <param name="delta">The difference.</param>
    /// <param name="scale">Its factor: alpha / rank.</param>
    /// <param name="magnitude">One length for each output, or for each input channel.</param>
    /// <param name="isOfInputs">Whether the lengths are those of input channels, each over all outputs and the kernel.</param>
    /// <param name="epsilon">What is added to a length before the division by it.</param>
    /// <param name="strength">The request's weight.</param>
    public static void Decompose(
        float[] weight, bool isTransposed, WeightDelta delta, float scale, float[] magnitude, bool isOfInputs, float epsilon, float strength)
    {
        float[]? old = strength == 1 ? null : [.. weight];
        Add(weight, isTransposed, delta, scale);
        int stored = isTransposed ? delta.Columns : delta.Rows, width = weight.Length / stored;
        // Either each stored row has one length, or each group of neighbouring stored columns has: a channel with its kernel.
        bool isOfRows = isOfInputs == isTransposed;
        double[] sums = new double[isOfRows ? stored : width];
        if (isOfRows)
        {
            Share(stored, 1, weight.Length, (first, end) => SumRows(weight, width, sums, first, end));
        }
        else
        {
            Share(width, MinColumns, weight.Length, (first, end) => SumColumns(weight, width, sums, first, end));
        }
        int group = sums.Length / magnitude.Length;
        float[] factors = new float[sums.Length];
        for (int i = 0; i < magnitude.Length; i++)
        {
            double sum = 0;
            foreach (double part in sums.AsSpan(i * group, group))
            {
                sum += part;
            }
            // A vector of zeros has no direction that could be given a length.
            factors.AsSpan(i * group, group).Fill(sum == 0 ? 0 : magnitude[i] / ((float)Math.Sqrt(sum) + epsilon));
        }
        Share(stored, 1, weight.Length, (first, end) =>
        {
            for (int row = first; row < end; row++)
            {
                Span<float> values = weight.AsSpan(row * width, width);
                if (isOfRows)
                {
                    TensorPrimitives.Multiply(values, factors[row], values);
                }
                else
                {
                    TensorPrimitives.Multiply(values, factors, values);
                }
                if (old is not null)
                {
                    ReadOnlySpan<float> before = old.AsSpan(row * width, width);
                    TensorPrimitives.Subtract(values, before, values);
                    TensorPrimitives.MultiplyAdd(values, strength, before, values);
                }
            }
        });
    }

    private static void SumRows(float[] weight, int width, double[] sums, int firstRow, int endRow)
    {
        for (int row = firstRow; row < endRow; row++)
        {
            foreach (float value in weight.AsSpan(row * width, width))
            {
                sums[row] += (double)value * value;
            }
        }
    }

    /// <summary>Sums squares over the rows in order, as <see cref="SumRows"/> does over the columns of a transposed weight.</summary>
    private static void SumColumns(float[] weight, int width, double[] sums, int firstColumn, int endColumn)
    {
        double[] wide = new double[endColumn - firstColumn];
        Span<double> target = sums.AsSpan(firstColumn, wide.Length);
        for (int row = 0; row < weight.Length / width; row++)
        {
            TensorPrimitives.ConvertTruncating<float, double>(weight.AsSpan(row * width + firstColumn, wide.Length), wide);
            TensorPrimitives.MultiplyAdd(wide, wide, target, target);
        }
    }

    /// <summary>Distributes a range to the processors where the work is worth it.</summary>
    private static void Share(int count, int minimum, long multiplications, Action<int, int> work)
    {
        int shares = multiplications < MinSharedCount ? 1 : Math.Clamp(count / minimum, 1, 4 * Environment.ProcessorCount);
        if (shares == 1)
        {
            work(0, count);
            return;
        }
        Parallel.For(0, shares, share => work((int)((long)count * share / shares), (int)((long)count * (share + 1) / shares)));
    }

    private static void AddBlocks(float[] weight, bool isTransposed, WeightDelta delta, float scale, int firstBlock, int endBlock)
    {
        int columns = delta.Columns, rows = delta.Rows;
        float[] block = new float[(isTransposed ? Math.Min(BlockRows, rows) : 1) * columns];
        for (int first = firstBlock * BlockRows; first < Math.Min(endBlock * BlockRows, rows); first += BlockRows)
        {
            int count = Math.Min(BlockRows, rows - first);
            for (int r = 0; r < count; r++)
            {
                Span<float> row = block.AsSpan(isTransposed ? r * columns : 0, columns);
                delta.Row(first + r, row);
                if (!isTransposed)
                {
                    Span<float> target = weight.AsSpan((first + r) * columns, columns);
                    TensorPrimitives.MultiplyAdd(row, scale, target, target);
                }
            }
            for (int column = 0; isTransposed && column < columns; column++)
            {
                Span<float> target = weight.AsSpan(column * rows + first, count);
                for (int r = 0; r < count; r++)
                {
                    target[r] += block[r * columns + column] * scale;
                }
            }
        }
    }
}
