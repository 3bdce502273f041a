namespace Brownian.Models.Devices;

/// <summary>The kinds of devices that run graphs. Each is an execution provider of ONNX Runtime.</summary>
public enum DeviceKind
{
    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU; needs a build with <c>-p:Accelerator=cuda</c>, CUDA 13 and cuDNN 9.</summary>
    Cuda,

    /// <summary>An NVIDIA GPU by way of TensorRT 10, and of CUDA for the operators that TensorRT does not have; needs the same build.</summary>
    TensorRt,
}
