using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>The process's one ONNX Runtime environment: it writes nothing to the terminal, for every failure comes back as an exception.</summary>
internal static class OrtRuntime
{
    // Kept here because native code holds on to it.
    private static readonly DOrtLoggingFunction Silent = static (_, _, _, _, _, _) => { };

    /// <summary>glibc's <c>M_MMAP_THRESHOLD</c>, and the bytes from which on an allocation is mapped by itself.</summary>
    private const int MapThreshold = -3, MappedFrom = 1 << 20;

    static OrtRuntime()
    {
        if (OperatingSystem.IsLinux())
        {
            MapWeights();
        }
        if (!OperatingSystem.IsWindows())
        {
            // Its own variable and no managed one: the library reads it while the environment is made, keeps an id of the machine on the
            // disk, and has something to send before it can be told below not to.
            _ = SetNativeVariable("ORT_DISABLE_TELEMETRY", "1", 1);
        }
        var options = new EnvironmentCreationOptions
        {
            logId = "brownian",
            logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            loggingFunction = Silent,
        };
        OrtEnv.CreateInstanceWithOptions(ref options).DisableTelemetryEvents();
    }

    /// <summary>Makes the environment where it is not there yet: before the first <see cref="SessionOptions"/>, which would make another.</summary>
    public static void Start() => RuntimeHelpers.RunClassConstructor(typeof(OrtRuntime).TypeHandle);

    /// <summary>
    /// glibc raises the threshold to 32 MiB when memory is freed: the next graph's weights then go to the heaps of whichever threads load
    /// them, where little of them returns to the system. A set threshold stays.
    /// </summary>
    private static void MapWeights()
    {
        try
        {
            _ = SetAllocatorOption(MapThreshold, MappedFrom);
        }
        catch (EntryPointNotFoundException)
        {
            // Other C libraries have no such heaps.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetAllocatorOption(int option, int value);

    [DllImport("libc", EntryPoint = "setenv", BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNativeVariable(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
