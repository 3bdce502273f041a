using Brownian.Formats.Checkpoints;
using Brownian.Formats.Weights;

namespace Brownian.Import.Weights;

/// <summary>A weight of a network: a tensor of a file, or a part of one, in the shape that diffusers or transformers give it.</summary>
/// <param name="Source">The file.</param>
/// <param name="Tensor">The tensor.</param>
/// <param name="Shape">The shape of the weight. The tensor's dimensions of 1 may be left out.</param>
/// <param name="First">The index of its first element in the tensor.</param>
/// <param name="IsTransposed">Whether the tensor stores the two dimensions of the weight in the other order.</param>
public sealed record Parameter(WeightSet Source, StoredTensor Tensor, IReadOnlyList<int> Shape, long First = 0, bool IsTransposed = false)
{
    /// <summary>
    /// The tensor with the factors that quantised elements are multiplied by, one for all elements or one for each row; null for none.
    /// </summary>
    public StoredTensor? Scales { get; init; }

    /// <summary>Whether the tensor stores the second half of the weight's rows first.</summary>
    public bool IsSwapped { get; init; }

    /// <summary>The number of elements.</summary>
    public long Count => Shape.Aggregate(1L, static (product, side) => product * side);

    /// <summary>Whether reading a part of the elements reads all of them.</summary>
    public bool IsReadWhole => IsTransposed || Tensor.Strides is not null;

    /// <summary>Reads elements as float32, in row-major order.</summary>
    /// <param name="first">The index of the first element.</param>
    /// <param name="values">Receives the elements.</param>
    /// <exception cref="Formats.Files.ModelException">The file cannot be read.</exception>
    public void Read(long first, Span<float> values)
    {
        if (IsTransposed)
        {
            float[] all = Source.Read(Tensor);
            int rows = Shape[0], columns = Shape[1];
            for (int i = 0; i < values.Length; i++)
            {
                long index = first + i;
                values[i] = all[(index % columns * rows) + (index / columns)];
            }
            return;
        }
        if (!IsSwapped)
        {
            ReadStored(First + first, values);
            return;
        }
        long half = Count / 2;
        bool isFirst = first < half;
        int until = (int)Math.Min(values.Length, (isFirst ? half : Count) - first);
        ReadStored(First + first + (isFirst ? half : -half), values[..until]);
        if (until < values.Length)
        {
            ReadStored(First, values[until..]);
        }
    }

    /// <summary>Reads all elements of a small weight.</summary>
    /// <exception cref="Formats.Files.ModelException">The file cannot be read.</exception>
    public float[] Read()
    {
        float[] values = new float[Count];
        Read(0, values);
        return values;
    }

    /// <summary>Reads elements in the order in which they are stored.</summary>
    private void ReadStored(long first, Span<float> values)
    {
        Source.Read(Tensor, first, values);
        if (Scales is { } scales)
        {
            float[] factors = Source.Read(scales);
            long row = Tensor.Count / factors.Length;
            for (int i = 0; i < values.Length; i++)
            {
                values[i] *= factors[(first + i) / row];
            }
        }
    }
}
