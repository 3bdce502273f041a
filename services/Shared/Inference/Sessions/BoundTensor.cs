using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>
/// A graph's input or output in memory that stays where it is from run to run. Callers see float32; where the graph has another element
/// type the values are converted by <see cref="Push"/> before a run and by <see cref="Pull"/> after it.
/// </summary>
internal sealed class BoundTensor : IDisposable
{
    private readonly Array _elements;
    private readonly float[] _values;

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
        (_elements, Value) = dtype switch
        {
            TensorDtype.Float32 => Bind<float>(length, shape),
            TensorDtype.Float16 => Bind<Float16>(length, shape),
            TensorDtype.Float64 => Bind<double>(length, shape),
            TensorDtype.Int64 => Bind<long>(length, shape),
            TensorDtype.Int32 => Bind<int>(length, shape),
            _ => throw new NotSupportedException($"Graphs with {dtype.Name()} inputs or outputs are not supported"),
        };
        _values = _elements as float[] ?? new float[length];
    }

    /// <summary>The graph's element type.</summary>
    public TensorDtype Dtype { get; }

    /// <summary>What is bound.</summary>
    public OrtValue Value { get; }

    /// <summary>The values as float32, in memory that is reused.</summary>
    public Span<float> Values => _values;

    /// <summary>Converts <see cref="Values"/> for the graph. Whole-number types are truncated, as the reference converts timesteps.</summary>
    public void Push()
    {
        switch (_elements)
        {
            case Float16[] halves:
                TensorPrimitives.ConvertToHalf(_values.AsSpan(), MemoryMarshal.Cast<Float16, Half>(halves.AsSpan()));
                break;
            case double[] doubles:
                TensorPrimitives.ConvertTruncating<float, double>(_values, doubles);
                break;
            case long[] longs:
                TensorPrimitives.ConvertTruncating<float, long>(_values, longs);
                break;
            case int[] integers:
                TensorPrimitives.ConvertTruncating<float, int>(_values, integers);
                break;
        }
    }

    /// <summary>Converts what the graph wrote into <see cref="Values"/>.</summary>
    public void Pull()
    {
        switch (_elements)
        {
            case Float16[] halves:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<Float16, Half>(halves.AsSpan()), _values);
                break;
            case double[] doubles:
                TensorPrimitives.ConvertTruncating<double, float>(doubles, _values);
                break;
        }
    }

    /// <summary>Writes ids without a way through float32.</summary>
    /// <param name="start">The place of the first.</param>
    /// <param name="ids">The ids.</param>
    public void SetIds(int start, ReadOnlySpan<long> ids)
    {
        switch (_elements)
        {
            case long[] longs:
                ids.CopyTo(longs.AsSpan(start));
                break;
            case int[] integers:
                for (int i = 0; i < ids.Length; i++)
                {
                    integers[start + i] = (int)ids[i];
                }
                break;
            default:
                throw new NotSupportedException($"Graphs whose ids are {Dtype.Name()} are not supported");
        }
    }

    public void Dispose() => Value.Dispose();

    private static (Array Elements, OrtValue Value) Bind<T>(int length, long[] shape)
        where T : unmanaged
    {
        T[] elements = GC.AllocateArray<T>(length, pinned: true);
        return (elements, OrtValue.CreateTensorValueFromMemory(elements, shape));
    }
}
