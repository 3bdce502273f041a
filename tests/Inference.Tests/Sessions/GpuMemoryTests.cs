using System.Diagnostics;
using Brownian.Inference.Sessions;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Sessions;

/// <summary>The memory of a GPU, read from a library with the functions of the CUDA runtime.</summary>
public sealed class GpuMemoryTests : IDisposable
{
    /// <summary>Three GPUs; the thread has chosen GPU 2, and a call for another one than the chosen answers with an error.</summary>
    private const string Runtime = """
        #include <stddef.h>
        static __thread int chosen = 2;
        int cudaGetDevice(int *device) { *device = chosen; return 0; }
        int cudaSetDevice(int device) { if (device > 2) return 101; chosen = device; return 0; }
        int cudaMemGetInfo(size_t *free, size_t *total) {
          if (chosen == 0) return 2;
          *total = (size_t)chosen << 40; *free = *total - 12345; return 0;
        }
        """;

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void The_memory_is_that_of_the_device_and_the_thread_keeps_its_own_device()
    {
        string library = Compile(Runtime);

        Assert.Equal(new GpuMemory(12345, 1L << 40), GpuMemory.Read(library, 1));
        // The thread's own one, which the call before gave back.
        Assert.Equal(new GpuMemory(12345, 2L << 40), GpuMemory.Read(library, 2));
        Assert.Null(GpuMemory.Read(library, 0));
        Assert.Equal(new GpuMemory(12345, 1L << 40), GpuMemory.Read(library, 1));
        Assert.Null(GpuMemory.Read(library, 3));
    }

    [Fact]
    public void Without_the_runtime_or_its_functions_there_is_no_memory()
    {
        Assert.Null(GpuMemory.Read(_folder.Combine("missing.so"), 0));
        Assert.Null(GpuMemory.Read(Compile("int cudaGetDevice(int *device) { *device = 0; return 0; }"), 0));
    }

    public void Dispose() => _folder.Dispose();

    private string Compile(string source)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/gcc"), "there is no C compiler to make a library of");
        (string text, string library) = (_folder.Combine("runtime.c"), _folder.Combine("runtime.so"));
        File.WriteAllText(text, source);
        using Process compiler = Process.Start("/usr/bin/gcc", ["-shared", "-fPIC", "-o", library, text]);
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        return library;
    }
}
