using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Sessions;

/// <summary>Copies data out of ONNX Runtime's memory.</summary>
internal static class OrtValueExtensions
{
    /// <summary>Returns the values as float32.</summary>
    public static Tensor ToTensor(this OrtValue value)
    {
        OrtTensorTypeAndShapeInfo info = value.GetTensorTypeAndShape();
        int[] shape = [.. info.Shape.Select(size => checked((int)size))];
        switch (info.ElementDataType)
        {
            case TensorElementType.Float:
                return new Tensor(value.GetTensorDataAsSpan<float>().ToArray(), shape);
            case TensorElementType.Float16:
                ReadOnlySpan<Float16> halves = value.GetTensorDataAsSpan<Float16>();
                var values = new float[halves.Length];
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<Float16, Half>(halves), values);
                return new Tensor(values, shape);
            case TensorElementType.Double:
                return new Tensor([.. value.GetTensorDataAsSpan<double>().ToArray().Select(element => (float)element)], shape);
            default:
                throw new NotSupportedException($"Graphs with outputs of {info.ElementDataType} are not supported");
        }
    }
}
