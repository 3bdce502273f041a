using System.Buffers;
using Brownian.Formats.Files;
using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Weights;

/// <summary>
/// A file of named tensors on disk, of any format. Elements are read when they are needed, so that the file is never whole in memory. Reads at given
/// positions are used and not a memory map: a file that is truncated meanwhile is a fault that names it, and does not end the process. Instances may
/// be used by several threads at once.
/// </summary>
public sealed class WeightFile : IDisposable
{
    private const int PieceBytes = 1 << 20;

    private readonly SafeFileHandle _handle;

    /// <summary>Created by the readers of the formats, which validate the positions of the tensors.</summary>
    /// <param name="name">The file's name in messages.</param>
    /// <param name="handle">The open file, owned by the instance.</param>
    /// <param name="tensors">The tensors.</param>
    /// <param name="metadata">Further facts that the file states.</param>
    public WeightFile(
        string name, SafeFileHandle handle, IReadOnlyDictionary<string, StoredTensor> tensors, IReadOnlyDictionary<string, string> metadata) =>
        (Name, _handle, Tensors, Metadata) = (name, handle, tensors, metadata);

    /// <summary>The file's name in messages.</summary>
    public string Name { get; }

    /// <summary>The tensors by their names.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Further facts that the file states; empty when there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>
    /// Reads elements of a tensor as float32, in row-major order. A view (<see cref="StoredTensor.Strides"/>) is read whole at each call, so its
    /// elements are best read at once.
    /// </summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="first">The index of the first element, a multiple of the format's <see cref="ElementFormat.BlockElements"/>.</param>
    /// <param name="values">
    /// Receives the elements. Its length is a multiple of <see cref="ElementFormat.BlockElements"/> too; tensors consist of whole blocks.
    /// </param>
    /// <exception cref="ModelException">The file cannot be read, or the tensor does not hold numbers.</exception>
    public void Read(StoredTensor tensor, long first, Span<float> values)
    {
        ElementFormat format = tensor.Format;
        ArgumentOutOfRangeException.ThrowIfNotEqual(first % format.BlockElements, 0, nameof(first));
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length % format.BlockElements, 0, nameof(values));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + values.Length, tensor.Count, nameof(first));
        if (!format.IsNumeric)
        {
            throw new ModelException($"{Name}: the tensor \"{tensor.Name}\" is {format}, which does not hold numbers");
        }
        if (tensor.Strides is { } strides)
        {
            Gather(tensor, strides, first, values);
            return;
        }
        int piece = PieceBytes / format.BlockBytes * format.BlockElements;
        byte[] bytes = ArrayPool<byte>.Shared.Rent((int)format.BytesOf(Math.Min(piece, values.Length)));
        try
        {
            for (int done = 0; done < values.Length; done += piece)
            {
                Span<float> part = values.Slice(done, Math.Min(piece, values.Length - done));
                Span<byte> blocks = bytes.AsSpan(0, (int)format.BytesOf(part.Length));
                ReadBytes(tensor.Start + format.BytesOf(first + done), blocks);
                format.Decode(blocks, part);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>Reads all elements of a small tensor as float32, in row-major order.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <exception cref="ModelException">The file cannot be read, or the tensor does not hold numbers.</exception>
    public float[] Read(StoredTensor tensor)
    {
        float[] values = new float[tensor.Count];
        Read(tensor, 0, values);
        return values;
    }

    /// <summary>Reads bytes of a tensor as they are stored.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>, whose elements are stored in row-major order.</param>
    /// <param name="offset">The position of the first byte within the tensor.</param>
    /// <param name="bytes">Receives the bytes.</param>
    /// <exception cref="ModelException">The file cannot be read.</exception>
    public void ReadBytes(StoredTensor tensor, long offset, Span<byte> bytes)
    {
        if (tensor.Strides is not null)
        {
            throw new ArgumentException("a view has no bytes of its own", nameof(tensor));
        }
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + bytes.Length, tensor.Format.BytesOf(tensor.Count), nameof(offset));
        ReadBytes(tensor.Start + offset, bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    /// <summary>Reads elements of a view out of the extent of the file over which it is spread.</summary>
    private void Gather(StoredTensor tensor, IReadOnlyList<long> strides, long first, Span<float> values)
    {
        if (values.IsEmpty)
        {
            return;
        }
        int size = tensor.Format.BlockBytes;
        long extent = 1 + tensor.Shape.Zip(strides, (side, stride) => (side - 1) * stride).Sum();
        if (extent > Array.MaxLength / size)
        {
            throw new ModelException($"{Name}: the view \"{tensor.Name}\" extends over {extent} elements, more than can be read at once");
        }
        byte[] bytes = ArrayPool<byte>.Shared.Rent((int)extent * size);
        try
        {
            ReadBytes(tensor.Start, bytes.AsSpan(0, (int)extent * size));
            for (int i = 0; i < values.Length; i++)
            {
                long position = 0, index = first + i;
                for (int axis = strides.Count - 1; axis >= 0; axis--)
                {
                    position += index % tensor.Shape[axis] * strides[axis];
                    index /= tensor.Shape[axis];
                }
                tensor.Format.Decode(bytes.AsSpan((int)position * size, size), values.Slice(i, 1));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void ReadBytes(long position, Span<byte> bytes)
    {
        try
        {
            FilePart.Read(_handle, position, bytes, Name);
        }
        catch (IOException exception)
        {
            throw new ModelException($"{Name} cannot be read: {exception.Message}", exception);
        }
    }
}
