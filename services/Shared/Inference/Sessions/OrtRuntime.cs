using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>
/// The process's single ONNX Runtime environment. It logs nothing to the terminal, because every failure is returned as an exception.
/// </summary>
internal static class OrtRuntime
{
    // Stored in a field because native code keeps a pointer to it.
    private static readonly DOrtLoggingFunction Silent = static (_, _, _, _, _, _) => { };

    /// <summary>glibc's <c>M_MMAP_THRESHOLD</c>, and the size in bytes from which an allocation gets its own mapping.</summary>
    private const int MapThreshold = -3, MappedFrom = 1 << 20;

    static OrtRuntime()
    {
        if (OperatingSystem.IsLinux())
        {
            MapWeights();
        }
        if (!OperatingSystem.IsWindows())
        {
            // The native environment must be changed, not the managed one. The library reads the variable while the environment is created, writes a
            // machine id to the disk, and has telemetry to send before it can be disabled below.
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

    /// <summary>Creates the environment if needed. Must run before the first <see cref="SessionOptions"/>, which would create another one.</summary>
    public static void Start() => RuntimeHelpers.RunClassConstructor(typeof(OrtRuntime).TypeHandle);

    /// <summary>
    /// Sets a fixed threshold. Otherwise glibc raises it to 32 MiB when memory is freed. The next graph's weights are then allocated on the heaps of
    /// the threads that load them, which return little memory to the system.
    /// </summary>
    private static void MapWeights()
    {
        try
        {
            _ = SetAllocatorOption(MapThreshold, MappedFrom);
        }
        catch (EntryPointNotFoundException)
        {
            // Other C libraries have no such option.
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
