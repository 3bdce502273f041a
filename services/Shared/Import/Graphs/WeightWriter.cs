using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Brownian.Formats.Files;
using Brownian.Import.Onnx;
using Google.Protobuf;

namespace Brownian.Import.Graphs;

/// <summary>Writes the weights of a graph as ONNX's external data, piece by piece, so that no weight is whole in memory.</summary>
internal static class WeightWriter
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "model.onnx_data";

    /// <summary>Weights of fewer bytes are stored in the graph.</summary>
    private const int SmallBytes = 1024;

    /// <summary>Where a weight begins: at a multiple of a page, so that it can be mapped into memory.</summary>
    private const int Alignment = 4096;

    private const int Piece = 1 << 18;

    /// <summary>Writes weights, and returns their descriptions for the graph.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="path">The file.</param>
    /// <param name="progress">Called with the number of bytes that were written since the last call; null for nothing.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    public static List<TensorProto> Write(
        IReadOnlyList<GraphWeight> weights, string path, Action<long>? progress, CancellationToken cancellationToken)
    {
        var described = new List<TensorProto>(weights.Count);
        using FileStream file = File.Create(path);
        float[] values = ArrayPool<float>.Shared.Rent(Piece);
        try
        {
            foreach (GraphWeight weight in weights)
            {
                cancellationToken.ThrowIfCancellationRequested();
                switch (weight.Encoding)
                {
                    case WeightEncoding.Blocks:
                        described.AddRange(WriteBlocks(weight, file, cancellationToken));
                        progress?.Invoke(weight.Bytes);
                        break;
                    case WeightEncoding.Columns:
                        described.AddRange(WriteColumns(weight, file, cancellationToken));
                        progress?.Invoke(weight.Bytes);
                        break;
                    default:
                        described.Add(WriteFloats(weight, file, values, progress, cancellationToken));
                        break;
                }
            }
            file.Flush(flushToDisk: true);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
        }
        return described;
    }

    private static TensorProto WriteFloats(
        GraphWeight weight, FileStream file, float[] values, Action<long>? progress, CancellationToken cancellationToken)
    {
        bool isHalf = weight.Encoding == WeightEncoding.Float16;
        TensorProto tensor = Describe(
            weight.Name, isHalf ? ElementType.Float16 : ElementType.Float32, [.. weight.Shape.Select(side => (long)side)]);
        if (weight.Bytes < SmallBytes)
        {
            float[] whole = new float[weight.Parameter.Count];
            Read(weight, 0, whole);
            tensor.RawData = ByteString.CopyFrom(isHalf ? Halves(weight, whole) : MemoryMarshal.AsBytes(whole.AsSpan()));
            progress?.Invoke(weight.Bytes);
            return tensor;
        }
        Place(tensor, file, weight.Bytes);
        // The elements of a transposed weight are read at once.
        int piece = weight.Parameter.IsReadWhole ? checked((int)weight.Parameter.Count) : Piece;
        float[] buffer = piece <= values.Length ? values : new float[piece];
        for (long done = 0; done < weight.Parameter.Count; done += piece)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<float> part = buffer.AsSpan(0, (int)Math.Min(piece, weight.Parameter.Count - done));
            Read(weight, done, part);
            ReadOnlySpan<byte> bytes = isHalf ? Halves(weight, part) : MemoryMarshal.AsBytes(part);
            file.Write(bytes);
            progress?.Invoke(bytes.Length);
        }
        return tensor;
    }

    /// <summary>Reads elements, which must be finite: one that is not makes all of an image so.</summary>
    private static void Read(GraphWeight weight, long first, Span<float> values)
    {
        weight.Parameter.Read(first, values);
        if (values.Length > 0 && !float.IsFinite(TensorPrimitives.MaxMagnitude<float>(values)))
        {
            throw new ModelException($"{weight.Name} has elements that are not finite numbers: the checkpoint is damaged");
        }
    }

    /// <summary>Rounds elements to 16 bits, in their own memory.</summary>
    private static ReadOnlySpan<byte> Halves(GraphWeight weight, Span<float> values)
    {
        if (TensorPrimitives.MaxMagnitude<float>(values) is var largest && Math.Abs(largest) > (float)Half.MaxValue)
        {
            throw new ModelException(string.Create(
                CultureInfo.InvariantCulture, $"{weight.Name} has the element {largest}, beyond float16; import with --precision float32"));
        }
        Span<Half> halves = MemoryMarshal.Cast<float, Half>(values)[..values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            halves[i] = (Half)values[i];
        }
        return MemoryMarshal.AsBytes(halves);
    }

    private static TensorProto[] WriteBlocks(GraphWeight weight, FileStream file, CancellationToken cancellationToken)
    {
        int blocks = QuantizedWeights.BlocksOf(weight.Columns), block = QuantizedWeights.BlockOf(weight.Columns);
        byte[] bytes = new byte[blocks * block];
        float[] scales = new float[weight.Rows * blocks];
        TensorProto tensor = Describe(weight.Name, ElementType.UInt8, weight.Rows, blocks, block);
        Place(tensor, file, weight.Rows * bytes.Length);
        ForEachRow(
            weight,
            (number, row) =>
            {
                QuantizedWeights.EncodeBlocks(row, bytes, scales.AsSpan(number * blocks, blocks));
                file.Write(bytes);
            },
            cancellationToken);
        return [tensor, Small(weight.ScaleName, scales, file)];
    }

    private static TensorProto[] WriteColumns(GraphWeight weight, FileStream file, CancellationToken cancellationToken)
    {
        int rows = checked((int)weight.Rows);
        sbyte[] bytes = new sbyte[weight.Parameter.Count];
        float[] scales = new float[rows];
        ForEachRow(
            weight, (number, row) => scales[number] = QuantizedWeights.EncodeColumn(row, weight.Shape[1], bytes, number, rows), cancellationToken);
        TensorProto tensor = Describe(weight.Name, ElementType.Int8, weight.Columns, rows);
        Place(tensor, file, bytes.Length);
        file.Write(MemoryMarshal.AsBytes(bytes.AsSpan()));
        return [tensor, Small(weight.ScaleName, scales, file)];
    }

    /// <summary>Reads a weight row by row, or at once where its elements are stored in another order.</summary>
    private static void ForEachRow(GraphWeight weight, Action<int, ReadOnlySpan<float>> use, CancellationToken cancellationToken)
    {
        int columns = weight.Columns, rows = weight.Parameter.IsReadWhole ? checked((int)weight.Rows) : Math.Max(1, Piece / columns);
        float[] buffer = new float[Math.Min(rows, weight.Rows) * columns];
        for (long first = 0; first < weight.Rows; first += rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = (int)Math.Min(rows, weight.Rows - first);
            Read(weight, first * columns, buffer.AsSpan(0, count * columns));
            for (int i = 0; i < count; i++)
            {
                use((int)first + i, buffer.AsSpan(i * columns, columns));
            }
        }
    }

    private static TensorProto Small(string name, float[] values, FileStream file)
    {
        TensorProto tensor = Describe(name, ElementType.Float32, values.Length);
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values.AsSpan());
        if (bytes.Length < SmallBytes)
        {
            tensor.RawData = ByteString.CopyFrom(bytes);
            return tensor;
        }
        Place(tensor, file, bytes.Length);
        file.Write(bytes);
        return tensor;
    }

    private static TensorProto Describe(string name, ElementType type, params long[] shape) =>
        new() { Name = name, DataType = (int)type, Dims = { shape } };

    /// <summary>Begins a weight in the file, at a page.</summary>
    private static void Place(TensorProto tensor, FileStream file, long bytes)
    {
        file.Position = (file.Position + Alignment - 1) / Alignment * Alignment;
        tensor.DataLocation = 1;
        Add("location", FileName);
        Add("offset", file.Position.ToString(CultureInfo.InvariantCulture));
        Add("length", bytes.ToString(CultureInfo.InvariantCulture));

        void Add(string key, string value) => tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
    }
}
