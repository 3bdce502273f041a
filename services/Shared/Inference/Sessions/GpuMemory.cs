using System.Runtime.InteropServices;

namespace Brownian.Inference.Sessions;

/// <summary>The memory of a GPU, of all processes that use it.</summary>
/// <param name="Used">The used bytes.</param>
/// <param name="Total">All bytes.</param>
public readonly record struct GpuMemory(long Used, long Total)
{
    private delegate int GetDevice(out int device);

    private delegate int SetDevice(int device);

    private delegate int GetMemory(out nuint free, out nuint total);

    /// <summary>
    /// Reads the memory of a GPU from the CUDA runtime: cudaMemGetInfo, of the device that cudaSetDevice chooses for the calling thread, which gets
    /// its own device back. Source: CUDA Runtime API, memory management and device management.
    /// </summary>
    /// <param name="index">The number of the GPU, as CUDA counts them.</param>
    /// <returns>The memory; null without the CUDA runtime, or when it answers with an error.</returns>
    public static GpuMemory? Read(int index) => Read(GpuLibraries.CudaRuntime, index);

    /// <summary>Reads the memory from a library that is the CUDA runtime.</summary>
    internal static GpuMemory? Read(string library, int index)
    {
        if (!NativeLibrary.TryLoad(library, out nint runtime)
            || Export<GetDevice>(runtime, "cudaGetDevice") is not { } getDevice
            || Export<SetDevice>(runtime, "cudaSetDevice") is not { } setDevice
            || Export<GetMemory>(runtime, "cudaMemGetInfo") is not { } getMemory
            || getDevice(out int before) != 0
            || setDevice(index) != 0)
        {
            return null;
        }
        try
        {
            return getMemory(out nuint free, out nuint total) == 0 ? new GpuMemory((long)(total - free), (long)total) : null;
        }
        finally
        {
            _ = setDevice(before);
        }
    }

    private static T? Export<T>(nint library, string name)
        where T : Delegate =>
        NativeLibrary.TryGetExport(library, name, out nint address) ? Marshal.GetDelegateForFunctionPointer<T>(address) : null;
}
