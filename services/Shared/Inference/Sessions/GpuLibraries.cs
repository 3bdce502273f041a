using System.Runtime.InteropServices;
using Brownian.Models.Devices;

namespace Brownian.Inference.Sessions;

/// <summary>
/// The libraries that the CUDA build of ONNX Runtime 1.32 loads: those that its provider is linked to, and cuDNN, which it opens itself. When one is
/// missing, ONNX Runtime reports only the first, in the words of the loader.
/// </summary>
internal static class GpuLibraries
{
    private static readonly (string Part, string[] Linux, string[] Windows)[] Cuda =
    [
        ("the NVIDIA driver", ["libcuda.so.1"], ["nvcuda.dll"]),
        ("CUDA 13", ["libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcurand.so.10"],
            ["cudart64_13.dll", "cublas64_13.dll", "cublasLt64_13.dll", "curand64_10.dll"]),
        ("cuDNN 9", ["libcudnn.so.9"], ["cudnn64_9.dll"]),
    ];

    private static readonly (string Part, string[] Linux, string[] Windows) TensorRt =
        ("TensorRT 10", ["libnvinfer.so.10", "libnvonnxparser.so.10"], ["nvinfer_10.dll", "nvonnxparser_10.dll"]);

    /// <summary>The file name of the CUDA runtime.</summary>
    internal static string CudaRuntime => OperatingSystem.IsWindows() ? Cuda[1].Windows[0] : Cuda[1].Linux[0];

    /// <summary>The file names of the libraries on Linux.</summary>
    internal static IEnumerable<string> LinuxNames => Cuda.Append(TensorRt).SelectMany(part => part.Linux);

    /// <summary>Returns the missing parts with the names of their missing libraries; empty when all can be loaded.</summary>
    /// <param name="kind">The kind of device.</param>
    /// <param name="canLoad">Whether a library of a name can be loaded; null for the machine's loader.</param>
    public static IReadOnlyList<string> FindMissing(DeviceKind kind, Func<string, bool>? canLoad = null)
    {
        canLoad ??= CanLoad;
        return
        [
            .. (kind switch
            {
                DeviceKind.Cuda => Cuda,
                DeviceKind.TensorRt => [.. Cuda, TensorRt],
                _ => [],
            })
                .Select(
                    part =>
                        (
                            part.Part,
                            Missing: string.Join(", ", (OperatingSystem.IsWindows() ? part.Windows : part.Linux).Where(name => !canLoad(name)))))
                .Where(part => part.Missing.Length > 0)
                .Select(part => $"{part.Part} ({part.Missing})"),
        ];
    }

    private static bool CanLoad(string name)
    {
        // Not freed: the provider loads it next.
        return NativeLibrary.TryLoad(name, out _);
    }
}
