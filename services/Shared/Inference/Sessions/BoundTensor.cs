using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>
/// A graph's input or output in memory with a fixed address between runs. Callers read and write float32. For other element types the values are
/// converted by <see cref="Push"/> before a run and by <see cref="Pull"/> after it.
/// </summary>
internal sealed class BoundTensor : IDisposable
{
    /// <summary>
    /// The alignment of every tensor in bytes. Kernels that compute sums start at the first aligned element. With another alignment they sum in
    /// another order, and the last bits of the results differ.
    /// </summary>
    private const int Alignment = 64;

    private readonly Array _elements;
    private readonly int _start;
    private readonly int _length;
    private readonly float[]? _converted;

    /// <param name="dtype">The graph's element type.</param>
    /// <param name="shape">The size of every dimension.</param>
    public BoundTensor(TensorDtype dtype, params long[] shape)
    {
        int length = 1;
        foreach (long size in shape)
        {
            length = checked(length * (int)size);
        }
        Dtype = dtype;
        _length = length;
        (_elements, _start, Value) = dtype switch
        {
            TensorDtype.Float32 => Bind<float>(length, shape),
            TensorDtype.Float16 => Bind<Float16>(length, shape),
            TensorDtype.Float64 => Bind<double>(length, shape),
            TensorDtype.Int64 => Bind<long>(length, shape),
            TensorDtype.Int32 => Bind<int>(length, shape),
            TensorDtype.Boolean => Bind<bool>(length, shape),
            _ => throw new NotSupportedException($"Graphs with {dtype.Name()} inputs or outputs are not supported"),
        };
        _converted = _elements is float[]? null : new float[length];
    }

    /// <summary>The graph's element type.</summary>
    public TensorDtype Dtype { get; }

    /// <summary>The bound value.</summary>
    public OrtValue Value { get; }

    /// <summary>The values as float32, in reused memory.</summary>
    public Span<float> Values => _elements is float[] own ? own.AsSpan(_start, _length) : _converted;

    /// <summary>Converts <see cref="Values"/> for the graph. Integer types are truncated, as the reference converts timesteps.</summary>
    public void Push()
    {
        switch (_elements)
        {
            case Float16[] halves:
                TensorPrimitives.ConvertToHalf(_converted, MemoryMarshal.Cast<Float16, Half>(halves.AsSpan(_start, _length)));
                break;
            case double[] doubles:
                TensorPrimitives.ConvertTruncating<float, double>(_converted, doubles.AsSpan(_start, _length));
                break;
            case long[] longs:
                TensorPrimitives.ConvertTruncating<float, long>(_converted, longs.AsSpan(_start, _length));
                break;
            case int[] integers:
                TensorPrimitives.ConvertTruncating<float, int>(_converted, integers.AsSpan(_start, _length));
                break;
            case bool[] truths:
                for (int i = 0; i < _length; i++)
                {
                    truths[_start + i] = _converted![i] != 0;
                }
                break;
        }
    }

    /// <summary>Converts the graph's output to <see cref="Values"/>.</summary>
    public void Pull()
    {
        switch (_elements)
        {
            case Float16[] halves:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<Float16, Half>(halves.AsSpan(_start, _length)), _converted);
                break;
            case double[] doubles:
                TensorPrimitives.ConvertTruncating<double, float>(doubles.AsSpan(_start, _length), _converted);
                break;
        }
    }

    /// <summary>Writes ids without a conversion through float32.</summary>
    /// <param name="start">The index of the first id.</param>
    /// <param name="ids">The ids.</param>
    public void SetIds(int start, ReadOnlySpan<long> ids)
    {
        switch (_elements)
        {
            case long[] longs:
                ids.CopyTo(longs.AsSpan(_start + start));
                break;
            case int[] integers:
                for (int i = 0; i < ids.Length; i++)
                {
                    integers[_start + start + i] = (int)ids[i];
                }
                break;
            default:
                throw new NotSupportedException($"Graphs whose ids are {Dtype.Name()} are not supported");
        }
    }

    public void Dispose() => Value.Dispose();

    private static (Array Elements, int Start, OrtValue Value) Bind<T>(int length, long[] shape)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        T[] elements = GC.AllocateArray<T>(length + Alignment / size, pinned: true);
        int start = (int)((Alignment - Marshal.UnsafeAddrOfPinnedArrayElement(elements, 0) % Alignment) % Alignment) / size;
        return (elements, start, OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, elements.AsMemory(start, length), shape));
    }
}
