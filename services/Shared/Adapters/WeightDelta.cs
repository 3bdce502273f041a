namespace Brownian.Adapters;

/// <summary>
/// The difference of a module's weight before it is scaled, in the module's orientation: [rows, columns], with the kernel's height and width in the
/// columns. Its rows are computed when they are needed, so that the whole difference is never in memory. Rows may be computed on several threads.
/// </summary>
internal abstract class WeightDelta
{
    /// <param name="rows">The module's outputs.</param>
    /// <param name="columns">The module's inputs, times the kernel's height and width.</param>
    protected WeightDelta(int rows, int columns) => (Rows, Columns) = (rows, columns);

    /// <summary>The module's outputs.</summary>
    public int Rows { get; }

    /// <summary>The module's inputs, times the kernel's height and width.</summary>
    public int Columns { get; }

    /// <summary>The number of multiplications of a row.</summary>
    public abstract long RowMultiplications { get; }

    /// <summary>Computes a row. Every product and every sum is rounded to float32, in the same order on every machine.</summary>
    /// <param name="row">The row.</param>
    /// <param name="values">Receives the row, [columns].</param>
    public abstract void Row(int row, Span<float> values);
}
