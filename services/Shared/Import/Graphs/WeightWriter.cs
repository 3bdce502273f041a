using System.Buffers;
using System.Runtime.InteropServices;
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
                long bytes = weight.Parameter.Count * sizeof(float);
                var tensor = new TensorProto
                {
                    Name = weight.Name,
                    DataType = (int)ElementType.Float32,
                    Dims = { weight.Shape.Select(side => (long)side) },
                };
                described.Add(tensor);
                if (bytes < SmallBytes)
                {
                    tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(weight.Parameter.Read().AsSpan()));
                    progress?.Invoke(bytes);
                    continue;
                }
                file.Position = (file.Position + Alignment - 1) / Alignment * Alignment;
                tensor.DataLocation = 1;
                Add(tensor, "location", FileName);
                Add(tensor, "offset", file.Position.ToString(CultureInfo.InvariantCulture));
                Add(tensor, "length", bytes.ToString(CultureInfo.InvariantCulture));
                // The elements of a transposed weight are read at once.
                int piece = weight.Parameter.IsReadWhole ? checked((int)weight.Parameter.Count) : Piece;
                float[] buffer = piece <= values.Length ? values : new float[piece];
                for (long done = 0; done < weight.Parameter.Count; done += piece)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Span<float> part = buffer.AsSpan(0, (int)Math.Min(piece, weight.Parameter.Count - done));
                    weight.Parameter.Read(done, part);
                    file.Write(MemoryMarshal.AsBytes(part));
                    progress?.Invoke((long)part.Length * sizeof(float));
                }
            }
            file.Flush(flushToDisk: true);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
        }
        return described;

        static void Add(TensorProto tensor, string key, string value) =>
            tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
    }
}
